"""What a process has set for torch's products does not reach probes, and is there again afterwards."""

import dataclasses
import threading

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from downstream.evaluate import Evaluation, evaluate
from downstream.probes.arithmetic import EXACT, TF32, arithmetic, check_tf32
from downstream.probes.fit import fit, predict
from downstream.probes.pack import fit_all, plan
from downstream.probes.protocol import Protocol
from downstream.tasks.task import Task
from tests.downstream.probes.test_pack import VALID, fitting
from tests.downstream.test_evaluate import made_splits

PRODUCTS = ("linear", "mm", "bmm", "addmm", "_linear_pointwise")
NEWER = hasattr(torch.backends.cuda.matmul, "fp32_precision")


class Seen(TorchDispatchMode):
    """The precision that each product finds."""

    def __init__(self):
        super().__init__()
        self.precisions = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func._schema.name.split("::")[1] in PRODUCTS:
            self.precisions.append(torch.get_float32_matmul_precision())
        return func(*args, **(kwargs or {}))


@pytest.fixture(params=["medium", "high", "tf32 on CUDA"])
def users_setting(request):
    """A process that rounds products; what it set is compared afterwards."""
    newer = request.param == "tf32 on CUDA"
    if newer and not NEWER:
        pytest.skip("this torch has no such setting")
    matmul = torch.backends.cuda.matmul
    if newer:
        matmul.fp32_precision = "tf32"
        before = matmul.fp32_precision
    else:
        torch.set_float32_matmul_precision(request.param)
        before = torch.get_float32_matmul_precision()
    yield
    found = matmul.fp32_precision if newer else torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    assert found == before


@pytest.mark.parametrize("matmul", [EXACT, TF32])
def test_products_of_probes_are_as_the_protocol_says(users_setting, matmul):
    short = dataclasses.replace(fitting(max_epochs=3), matmul=matmul)
    for train in (lambda: fit_all([short])[0], lambda: fit(short)):
        with Seen() as seen:
            trained = train()
        assert set(seen.precisions) == {matmul}
    with Seen() as seen:
        predict(trained, VALID, "multiclass", matmul=matmul)
    assert set(seen.precisions) == {matmul}


def test_an_error_leaves_the_users_setting(users_setting):
    with pytest.raises(KeyError), arithmetic(EXACT):
        raise KeyError


def test_threads_share_a_setting_and_wait_for_the_other_one():
    inside, leave, seen = threading.Event(), threading.Event(), []

    def work(matmul):
        with arithmetic(matmul):
            seen.append((matmul, torch.get_float32_matmul_precision()))
            inside.set()
            leave.wait(10)

    threads = [threading.Thread(target=work, args=(matmul,)) for matmul in (EXACT, TF32)]
    with arithmetic(EXACT):
        threads[0].start()
        assert inside.wait(10)
        inside.clear()
        threads[1].start()
        assert not inside.wait(0.1)
    assert not inside.wait(0.1), "the first thread still computes"
    leave.set()
    for thread in threads:
        thread.join(10)
    assert seen == [(EXACT, "highest"), (TF32, "high")]
    assert torch.get_float32_matmul_precision() == "highest"


def test_precisions_do_not_share_a_pack():
    assert len(plan([fitting(), dataclasses.replace(fitting(), matmul=TF32)], "cpu")) == 2


def test_devices_without_tf32_are_refused(scene_task, monkeypatch):
    task = Task.from_dir(scene_task())
    with pytest.raises(ValueError, match="^protocol: tf32 needs a CUDA device, got cpu$"):
        evaluate(task, made_splits(task), protocol="hear2021+tf32")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(ValueError, match="^protocol: tf32 needs a GPU of compute capability 8.0 or later, cuda has"):
        check_tf32("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    Protocol.parse("hear2021+tf32").check("cuda")
    Protocol.parse("hear2021").check("cpu")


def test_the_protocol_reaches_every_fit(scene_task):
    task = Task.from_dir(scene_task())
    for protocol, matmul in (("hear2021", EXACT), ("hear2021+tf32", TF32)):
        assert {one.matmul for one in Evaluation(task, made_splits(task), protocol).first()} == {matmul}


@pytest.mark.gpu
def test_tf32_on_cuda_is_close(cuda):
    check_tf32(cuda)
    trained = fit(fitting())
    exact, rounded = (predict(trained, VALID, "multiclass", cuda, matmul)[0] for matmul in (EXACT, TF32))
    assert np.abs(rounded - exact).max() < 0.02
    if torch.version.cuda:  # a pretended device rounds as its processor does, which may be not at all
        assert (rounded != exact).any()
