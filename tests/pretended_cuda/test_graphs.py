"""CUDA graphs of the pretended device."""

import threading

import pytest
import torch


def captured(work):
    graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.graph(graph, stream=side):
        result = work()
    return graph, result


def test_a_graph_is_done_at_each_replay_with_what_is_in_its_inputs_then(pretended_cuda):
    x, total = torch.ones(2, 3, device="cuda"), torch.zeros(2, device="cuda")

    def work():
        y = (x * 2).T.contiguous()
        total.add_(y.sum(0))
        x[0].mul_(10)  # in place, by a view
        return y

    graph, y = captured(work)
    assert total.tolist() == [0, 0]  # nothing is done while it is captured
    assert y.isnan().all()
    with pretended_cuda.counting() as counts:
        graph.replay()
    assert counts.launches == 1
    assert counts.operations == len(graph) > 3
    assert (total.tolist(), y[0].tolist(), x[:, 0].tolist()) == ([6, 6], [2, 2], [10, 1])
    graph.replay()
    assert (total.tolist(), y[0].tolist()) == ([66, 12], [20, 2])
    x.fill_(1)
    graph.replay()
    assert y[0].tolist() == [2, 2]


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x.sum().item(),
        lambda x: x.cpu(),
        lambda x: x.nonzero(),
        lambda x: x.add_(torch.ones(3).to("cuda")),
        lambda x: torch.cuda.synchronize(),
        lambda x: torch.cuda.current_stream().synchronize(),
    ],
)
def test_no_wait_can_be_captured(pretended_cuda, work):
    x = torch.ones(3, device="cuda")
    with pytest.raises(RuntimeError, match="capturing"):
        captured(lambda: work(x))
    assert x.sum().item() == 3  # the capture has ended


@pytest.mark.parametrize(("mode", "may_wait"), [("thread_local", True), ("global", False)])
def test_whether_another_thread_can_wait_during_a_capture(pretended_cuda, mode, may_wait):
    x, errors = torch.ones(3, device="cuda"), []

    def wait():
        try:
            torch.cuda.synchronize()
        except RuntimeError as error:
            errors.append(str(error))

    graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    with torch.cuda.graph(graph, stream=side, capture_error_mode=mode):
        x.add_(1)
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert [("capturing" in error) for error in errors] == ([] if may_wait else [True])


def test_a_training_step_can_be_captured(pretended_cuda):
    torch.manual_seed(0)
    x = torch.randn(8, 4)

    def trained(device, steps, through_graph):
        torch.manual_seed(1)
        layer = torch.nn.Linear(4, 2).to(device)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, fused=True, capturable=device == "cuda")
        inputs = x.to(device)

        def step():
            optimizer.zero_grad(set_to_none=False)
            layer(inputs).square().mean().backward()
            optimizer.step()

        step()
        step()
        if through_graph:
            graph, _ = captured(step)
            step = graph.replay
        for _ in range(steps):
            step()
        return layer.weight.detach().cpu()

    wanted = trained("cpu", 3, False)
    assert torch.allclose(trained("cuda", 3, False), wanted, atol=1e-6)
    assert torch.allclose(trained("cuda", 3, True), wanted, atol=1e-6)


def test_a_graph_rounds_to_tf32_what_is_in_its_inputs_at_each_replay(pretended_cuda):
    x, weight = torch.rand(4, 8, device="cuda"), torch.rand(8, 3, device="cuda")
    torch.set_float32_matmul_precision("high")
    try:
        graph, y = captured(lambda: x @ weight)
    finally:
        torch.set_float32_matmul_precision("highest")
    for factor in (1, 3):
        x.mul_(factor)
        graph.replay()
        exact = x @ weight
        assert torch.allclose(y, exact, rtol=2e-3)
        assert not torch.equal(y, exact)
