"""Copies to a GPU and back go through one pinned buffer, and clips of one length become one tensor."""

import pytest
import torch

from passt.windows import transfer
from passt.windows.transfer import Stacks, sent, stacked, to_host

CPU = torch.device("cpu")
TENSORS = [torch.randn(3, 5), torch.arange(7), torch.tensor([True, False, True]), torch.randn(()), torch.empty(0, 4)]


def test_on_a_cpu_nothing_is_copied_and_every_clip_is_by_itself():
    clips = [torch.randn(5), torch.randn(5)]
    stacks = stacked(clips, CPU)
    assert [stack.shape for stack in stacks.tensors] == [(1, 5), (1, 5)]
    assert [stack.data_ptr() for stack in stacks.tensors] == [clip.data_ptr() for clip in clips]
    assert to_host(clips)[0].data_ptr() == clips[0].data_ptr()


def test_a_buffer_holds_tensors_of_all_types_side_by_side():
    shapes = [(tuple(tensor.shape), tensor.dtype) for tensor in TENSORS]
    buffer = torch.empty(transfer._bytes(shapes), dtype=torch.uint8)
    for place, tensor in zip(transfer._views(buffer, shapes), TENSORS, strict=True):
        place.copy_(tensor)
    for place, tensor in zip(transfer._views(buffer, shapes), TENSORS, strict=True):
        assert place.dtype == tensor.dtype
        assert torch.equal(place, tensor)


def test_values_come_back_in_the_order_of_the_clips():
    stacks = Stacks([torch.zeros(2, 9), torch.zeros(1, 5)], [2, 0, 1])
    assert stacks.sorted(torch.tensor([[2.0], [0.0], [1.0]])).tolist() == [[0.0], [1.0], [2.0]]
    rows = torch.tensor([[2.0], [2.5], [0.0], [1.0], [1.5], [1.75]])
    found = stacks.per_clip({"tap": rows}, [1, 3, 2])
    assert [clip["tap"].flatten().tolist() for clip in found] == [[0.0], [1.0, 1.5, 1.75], [2.0, 2.5]]
    assert stacks.per_clip({}, [1, 3, 2]) == [{}, {}, {}]


def test_scenes_are_means_over_the_windows_of_each_clip():
    stacks = Stacks([torch.zeros(2, 9), torch.zeros(1, 5)], [0, 1, 2])
    rows = [torch.tensor([[1.0], [3.0], [5.0], [9.0]]), torch.tensor([[4.0]])]
    assert stacks.scenes(rows).tolist() == [[2.0], [7.0], [4.0]]


@pytest.mark.gpu
def test_there_and_back(cuda):
    device = torch.device(cuda, 0)
    clips = [torch.randn(5), torch.randn(7), torch.randn(5), torch.randn(7).to(device)]
    stacks = stacked(clips, device)
    assert [tuple(stack.shape) for stack in stacks.tensors] == [(2, 5), (1, 7), (1, 7)]
    assert all(stack.device == device for stack in stacks.tensors)
    back = [row for stack in to_host(stacks.tensors) for row in stack]
    for index, row in zip(stacks.order, back, strict=True):
        assert torch.equal(row, clips[index].cpu())


@pytest.mark.gpu
def test_tensors_of_all_types_go_in_one_copy(cuda):
    found = sent([[tensor, tensor] for tensor in TENSORS], torch.device(cuda, 0))
    for pair, tensor in zip(to_host(found), TENSORS, strict=True):
        assert pair.dtype == tensor.dtype
        assert torch.equal(pair, torch.stack([tensor, tensor]))


@pytest.mark.gpu
def test_gradients_follow_results_to_main_memory(cuda):
    weight = torch.ones(3, device=cuda, requires_grad=True)
    (there,) = to_host([weight * 2])
    there.sum().backward()
    assert weight.grad.tolist() == [2.0, 2.0, 2.0]
