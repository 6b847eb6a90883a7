"""What a step computes, against another way to write it: masks in place of gathering, attention as two products."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from passt.catalog.architecture import Architecture
from passt.network.model import Passt
from passt.network.patchout import Patchout
from passt.training.data.augment import masked
from passt.training.data.files import FileList
from passt.training.data.streams import stream
from passt.training.declared.recipe import Distillation
from passt.training.evaluate import evaluate
from passt.training.group import Group
from passt.training.loss import loss_of, soft_labels
from passt.training.step import backward
from passt.training.student import passt_student
from passt.weights.initial import untrained
from passt.windows.mel import MelSpectrogram
from tests.passt.training.toy import PLAIN, SAMPLES, Tones, recipe

SHAPE = Architecture(width=32, heads=4, depth=2, n_frames=80, n_classes=4)


def plain_logits(state: dict[str, Tensor], mel: Tensor, kept: Tensor, first: int) -> Tensor:
    """The logits, every token computed, those that are not kept hidden from all others."""
    image = F.conv2d(mel[:, None], state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=(10, 10))
    columns = image.shape[3]
    image = image + state["freq_new_pos_embed"] + state["time_new_pos_embed"][..., first : first + columns]
    special = [state[f"{name}_token"][0, 0] + state["new_pos_embed"][0, i] for i, name in enumerate(("cls", "dist"))]
    tokens = [token.expand(len(mel), -1) for token in special]
    tokens += [image[:, :, f, t] for f in range(image.shape[2]) for t in range(columns)]
    seen = torch.zeros(len(tokens), dtype=torch.bool)
    seen[:2] = seen[2 + kept] = True
    x = torch.stack(tokens, dim=1)
    for i in range(SHAPE.depth):
        block = {name.removeprefix(f"blocks.{i}."): tensor for name, tensor in state.items()}
        x = x + _attention(block, _norm(x, block, "norm1", 1e-6), seen)
        hidden = F.gelu(_linear(_norm(x, block, "norm2", 1e-6), block, "mlp.fc1"))
        x = x + _linear(hidden, block, "mlp.fc2")
    features = _norm(x, state, "norm", 1e-6)[:, :2].mean(dim=1)
    return _linear(_norm(features, state, "head.0", 1e-5), state, "head.1")


def _attention(block: dict[str, Tensor], x: Tensor, seen: Tensor) -> Tensor:
    heads = []
    q, k, v = _linear(x, block, "attn.qkv").split(SHAPE.width, dim=-1)
    size = SHAPE.width // SHAPE.heads
    for head in range(SHAPE.heads):
        part = slice(head * size, (head + 1) * size)
        scores = torch.einsum("bie,bje->bij", q[..., part], k[..., part]) / size**0.5
        scores = torch.where(seen, scores, -torch.inf)
        weights = scores.exp() / scores.exp().sum(dim=-1, keepdim=True)
        heads.append(torch.einsum("bij,bje->bie", weights, v[..., part]))
    return _linear(torch.cat(heads, dim=-1), block, "attn.proj")


def _norm(x: Tensor, state: dict[str, Tensor], name: str, eps: float) -> Tensor:
    centered = x - x.mean(dim=-1, keepdim=True)
    return (
        centered / (centered.square().mean(dim=-1, keepdim=True) + eps).sqrt() * state[f"{name}.weight"]
        + state[f"{name}.bias"]
    )


def _linear(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    return torch.einsum("...i,oi->...o", x, state[f"{name}.weight"]) + state[f"{name}.bias"]


@pytest.mark.parametrize("choice", [Patchout(), Patchout(4, 2), Patchout(patches=30), Patchout(1, 1, 7)])
def test_gradients_are_those_of_a_plain_implementation(choice):
    net = Passt(SHAPE).double()
    net.load_state_dict(untrained(SHAPE, 1))
    mel = torch.randn(3, 128, 56, dtype=torch.float64, generator=stream("mel"))
    labels = torch.rand(3, 4, dtype=torch.float64, generator=stream("labels"))
    kept, first = choice.keep((12, 5), stream(0)), 2
    loss = loss_of(net(mel, ("logits",), kept, first)["logits"], labels, None, Distillation())
    loss.backward()
    state = {name: tensor.detach().clone().requires_grad_() for name, tensor in net.state_dict().items()}
    logits = plain_logits(state, mel, kept, first)
    chances = logits.sigmoid()
    wanted = -(labels * chances.log() + (1 - labels) * (1 - chances).log()).mean()
    wanted.backward()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-12)
    for name, parameter in net.named_parameters():
        if name.startswith("head_dist"):
            assert parameter.grad is None
        else:
            assert torch.allclose(parameter.grad, state[name].grad, rtol=1e-9, atol=1e-14), name
            assert parameter.grad.abs().max() > 0


def test_a_steps_gradients_are_those_of_its_loss_on_its_own_spectrograms():
    one = recipe(augmentations={**PLAIN, "frequency_mask": 20}, architecture={"width": 32, "heads": 4, "depth": 2})
    student = passt_student(one, 4)
    front_end, clips = MelSpectrogram(320), Tones().batch(0, 2)
    loss = backward(student, student.net, one, front_end, clips, (3, 1), 0.5)
    student.net.double()
    found = {name: p.grad for name, p in student.net.named_parameters() if p.grad is not None}
    state = {name: tensor.detach().clone().requires_grad_() for name, tensor in student.net.state_dict().items()}
    mel = front_end(clips[0])
    mel = masked(mel, *one.augmentations.masks(2, tuple(mel.shape[1:]), stream(0, "masks", 3, 1))).double()
    kept, first = student.draw_patches(one.patchout, SAMPLES, stream(0, "patchout", 3, 1))
    wanted = F.binary_cross_entropy_with_logits(plain_logits(state, mel, kept, first), clips[1].double())
    (0.5 * wanted).backward()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    for name, gradient in found.items():
        assert torch.allclose(gradient, state[name].grad, rtol=1e-3, atol=1e-6), name


@pytest.mark.parametrize("choice", [Patchout(4, 40), Patchout(patches=600), Patchout(2, 10, 100), Patchout(columns=7)])
@pytest.mark.parametrize(("hop", "frames", "columns"), [(320, 998, 99), (160, 2000, 199), (320, 998, 60)])
def test_training_draws_are_those_of_the_authors_package(choice, hop, frames, columns):
    """There: an offset into the time encoding, columns, rows, then patches, from torch's own stream."""
    shape = {"hop": hop, "n_frames": frames, "depth": 1, "width": 32, "heads": 2}
    student = passt_student(recipe(architecture=shape), 4)
    time = student.architecture.grid[1]
    torch.manual_seed(11)
    offset = torch.randint(1 + time - columns, (1,)).item()
    image = torch.arange(12 * columns).view(12, columns)
    if choice.columns:
        image = image[:, torch.randperm(columns)[: columns - choice.columns].sort().values]
    if choice.rows:
        image = image[torch.randperm(12)[: 12 - choice.rows].sort().values]
    wanted = image.flatten()
    if choice.patches:
        wanted = wanted[torch.randperm(len(wanted))[: len(wanted) - choice.patches].sort().values]
    samples = (columns * 10 + 6) * hop
    assert student.architecture.columns(samples) == columns
    kept, first = student.draw_patches(choice, samples, torch.Generator().manual_seed(11))
    assert first == offset
    assert torch.equal(kept, wanted)


def test_a_clip_shorter_than_the_time_encoding_begins_anywhere_in_it():
    student = passt_student(recipe(), 4)
    found = {student.draw_patches(Patchout(), SAMPLES, stream(i))[1] for i in range(40)}
    assert found == {0, 1, 2}
    assert student.draw_patches(Patchout(), SAMPLES, stream(0))[0] is None
    net, mel = student.net, torch.randn(1, 128, 40, generator=stream("mel"))
    tokens = [net.tokens(mel, None, first) for first in range(3)]
    moved = net.time_new_pos_embed[0, :, 0, 2:5] - net.time_new_pos_embed[0, :, 0, :3]
    assert torch.allclose((tokens[2] - tokens[0])[0, 2:].view(12, 3, 32), moved.T.expand(12, 3, 32), atol=1e-6)


def test_the_loss_of_labels_and_a_teacher():
    logits, labels = torch.randn(5, 4, generator=stream(1)), torch.rand(5, 4, generator=stream(2))
    teacher = 3 * torch.randn(5, 4, generator=stream(3))
    one = Distillation(0.9, 1.0)
    mixed = 0.1 * labels + 0.9 * teacher.sigmoid()
    wanted = F.binary_cross_entropy_with_logits(logits, mixed)  # at temperature 1 targets can be mixed instead
    assert loss_of(logits, labels, soft_labels(teacher, one), one) == pytest.approx(float(wanted))
    warm = Distillation(1.0, 2.0)
    same = loss_of(teacher, labels, soft_labels(teacher, warm), warm)
    for other in (teacher + 0.5, teacher - 0.5, 2 * teacher):
        assert loss_of(other, labels, soft_labels(teacher, warm), warm) > same


def test_the_front_end_is_exact_in_every_precision(monkeypatch):
    one, seen = recipe(architecture={"width": 32, "heads": 4, "depth": 2}), []
    student, mel = passt_student(one, 4), MelSpectrogram(320)
    evaluation = FileList(
        ("a",), np.eye(1, 4), Tones().labels, lambda name: np.ones(SAMPLES, np.float32), 32000, SAMPLES
    )

    def front_end(*inputs):
        seen.append(("front end", torch.get_float32_matmul_precision()))
        return mel(*inputs)

    front_end.window = mel.window
    student.net.register_forward_pre_hook(lambda *_: seen.append(("net", torch.get_float32_matmul_precision())))
    one = dataclasses.replace(one, precision="tf32", evaluation_clips=1)
    backward(student, student.net, one, front_end, Tones().batch(0, 2), (0, 0), 1.0)
    evaluate(student, student.net.state_dict(), one, evaluation, front_end, Group(torch.device("cpu")))
    assert seen == [("front end", "highest"), ("net", "high")] * 2
