"""The pretended device itself."""

import pytest
import torch
from torch.nn import functional as F


def test_numbers_are_those_of_the_cpu(pretended_cuda):
    x, weight = torch.randn(6, 4), torch.randn(3, 4)
    found = F.linear(x.to("cuda"), weight.to("cuda")).relu()
    assert found.is_cuda
    assert torch.equal(found.cpu(), F.linear(x, weight).relu())


def test_gradients_are_those_of_the_cpu(pretended_cuda):
    layer = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.LayerNorm(8), torch.nn.GELU(), torch.nn.Linear(8, 2))
    x = torch.randn(6, 4)
    layer(x).square().sum().backward()
    wanted = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.zero_grad()
    layer.to("cuda")(x.to("cuda")).square().sum().backward()
    for parameter, gradient in zip(layer.parameters(), wanted, strict=True):
        assert parameter.grad.is_cuda
        assert torch.allclose(parameter.grad.cpu(), gradient, atol=1e-6)


def test_devices_may_not_be_mixed(pretended_cuda):
    with pytest.raises(RuntimeError, match="same device"):
        torch.zeros(3, device="cuda") + torch.zeros(3)
    assert (torch.zeros(3, device="cuda") + torch.tensor(1.0)).sum().item() == 3


def test_copies_that_do_not_block_arrive_when_the_host_waits(pretended_cuda):
    values = torch.arange(3.0, device="cuda")
    with pretended_cuda.counting() as counts:
        host = torch.empty(3, pin_memory=True).copy_(values, non_blocking=True)
        assert host.isnan().all()
        assert not counts.waits
        values.zero_()  # later than the copy
        torch.cuda.current_stream().synchronize()
    assert host.tolist() == [0, 1, 2]
    assert (counts.to_host, counts.pinned, len(counts.waits)) == (1, 1, 1)
