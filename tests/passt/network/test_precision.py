"""Every precision is asked for by name, stays within what is said of it, and leaves the user's settings alone."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from passt import EmbeddingSpec, PasstEmbedder
from passt.network.precision import PRECISIONS, arithmetic, available, precision_for
from tests.reference_values import clip

LIGHT = EmbeddingSpec("passt_l_kd_p16_128_ap47", weights="untrained-0")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def exact():
    return PasstEmbedder(LIGHT, device="cpu")


def test_what_a_device_lacks_is_refused():
    with pytest.raises(ValueError, match="precision must be one of fp32.* on this cpu, got 'tf32'"):
        precision_for("tf32", CPU)
    with pytest.raises(ValueError, match="precision must be one of fp32, tf32, bf16, got 'half'"):
        precision_for("half", CPU)
    assert available(torch.device("meta")) == ("fp32",)


@pytest.mark.parametrize(("name", "products"), [("fp32", "ieee"), ("tf32", "tf32"), ("bf16", "ieee")])
def test_the_settings_of_a_precision_on_cuda(monkeypatch, name, products):
    """tf32 rounds products and convolutions, no other precision does; bf16 rounds in the weights' type alone."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    precision = precision_for(name, torch.device("cuda"))
    assert precision.dtype == (torch.bfloat16 if name == "bf16" else torch.float32)
    with arithmetic(precision.matmul):
        if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
            assert torch.backends.cuda.matmul.fp32_precision == products
            assert torch.backends.cudnn.conv.fp32_precision == products
        else:
            assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == (products == "tf32")


def test_gpus_before_ampere_have_fp32_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert available(torch.device("cuda")) == ("fp32",)


def test_users_settings_come_back():
    def fail():
        with arithmetic("highest"):
            assert torch.get_float32_matmul_precision() == "highest"
            with arithmetic("high"):
                assert torch.get_float32_matmul_precision() == "high"
            assert torch.get_float32_matmul_precision() == "highest"
            raise KeyError

    torch.set_float32_matmul_precision("medium")
    try:
        with pytest.raises(KeyError):
            fail()
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


SETTINGS = (
    lambda: torch.set_float32_matmul_precision("medium"),
    lambda: setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
    lambda: setattr(torch.backends, "fp32_precision", "tf32"),
    lambda: setattr(torch.backends.mkldnn.matmul, "fp32_precision", "bf16"),
    lambda: setattr(torch.backends.cudnn.conv, "fp32_precision", "ieee"),
    lambda: setattr(torch.backends.cudnn.conv, "fp32_precision", "tf32"),
)


@pytest.mark.parametrize("setting", range(len(SETTINGS)))
def test_users_settings_change_no_number_and_stay(exact, setting):
    if setting and not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        pytest.skip("this torch has no such setting")
    code = f"""
import torch
from passt import EmbeddingSpec, PasstEmbedder
from passt.network.precision import _places
from tests.passt.network.test_precision import LIGHT, SETTINGS
from tests.reference_values import clip

embedder = PasstEmbedder(LIGHT, device="cpu")
taps = [("block2", None), ("melmean", None)]
wanted = embedder.scene([clip(1.0, 1)], taps)
SETTINGS[{setting}]()
torch.backends.cudnn.deterministic = True
before = [place.fp32_precision for place in _places()]
found = embedder.scene([clip(1.0, 1)], taps)
assert all(torch.equal(found[tap], wanted[tap]) for tap in taps)
assert [place.fp32_precision for place in _places()] == before
assert torch.backends.cudnn.deterministic
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3], timeout=100)


@pytest.mark.skipif("bf16" not in available(CPU), reason="this processor has no bfloat16 products")
def test_bf16_is_close_and_known_by_its_fingerprint(exact):
    short = PasstEmbedder(LIGHT, device="cpu", precision="bf16")
    assert short.fingerprint != exact.fingerprint
    assert short.precision == "bf16"
    audio = [clip(0.7, 1), clip(3.0, 2)]
    taps = [(level, None) for level in exact.dims if level != "mel"]
    wanted, found = exact.scene(audio, taps), short.scene(audio, taps)
    for tap in taps:
        assert found[tap].dtype == torch.float32
        assert F.cosine_similarity(found[tap], wanted[tap]).min() >= 0.999, tap
    assert torch.equal(found["melmean", None], wanted["melmean", None])  # the front end is exact
    assert not torch.equal(found["features", None], wanted["features", None])


def test_the_front_end_is_exact_in_every_precision(exact, monkeypatch):
    """Its products are at the highest precision, those of the network at that which was asked for."""
    seen = {}

    def noting(name, function):
        def run(*arguments):
            seen[name] = torch.get_float32_matmul_precision()
            return function(*arguments)

        return run

    monkeypatch.setattr(exact, "_precision", PRECISIONS["tf32"])
    monkeypatch.setattr(exact.mel, "_scaled", noting("front end", exact.mel._scaled))
    monkeypatch.setattr(exact, "_inference_form", noting("network", exact._ready))
    exact.scene([clip(0.3, 1)], [("features", None)])
    assert seen == {"front end": "highest", "network": "high"}


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_precisions_on_cuda_are_close(cuda, exact, precision):
    if precision not in available(torch.device(cuda)):
        pytest.skip(f"this device has no {precision}")
    taps = [("block3", 160), ("features", 160), ("logits", 640)]
    ((wanted, _),) = exact.timestamps([clip(1.0, 1)], taps, 50)
    ((found, _),) = PasstEmbedder(LIGHT, device=cuda, precision=precision).timestamps([clip(1.0, 1)], taps, 50)
    for tap in taps:
        assert F.cosine_similarity(found[tap], wanted[tap]).min() >= 0.999, tap
