import pickle

import pytest
import safetensors.torch
import torch

from passt import EmbeddingSpec, PasstEmbedder, checkpoints, weights

LIGHT = checkpoints.get("passt_l_kd_p16_128_ap47")  # 7 blocks, the smallest


@pytest.fixture(scope="module")
def state():
    return weights.untrained(LIGHT, seed=3)


def test_untrained_weights_come_from_their_seed(state):
    again = weights.untrained(LIGHT, seed=3)
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert not torch.equal(state["cls_token"], weights.untrained(LIGHT, seed=4)["cls_token"])
    weight = state["blocks.0.mlp.fc1.weight"]
    assert 0.016 < weight.std() < 0.019  # a normal of 0.02, cut at two standard deviations
    assert weight.abs().max() <= 0.04
    assert (state["blocks.0.norm1.weight"] == 1).all()
    assert (state["blocks.0.mlp.fc1.bias"] == 0).all()


def test_absent_published_weights_say_what_to_put_where(monkeypatch, tmp_path):
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError) as error:
        PasstEmbedder(EmbeddingSpec(), device="cpu")
    message = str(error.value)
    assert str(tmp_path / "passt-s-f128-p16-s10-ap.476-swa.pt") in message
    assert "https://github.com/kkoutini/PaSST/releases/download/v0.0.1-audioset" in message
    assert "\n" not in message


def test_published_weights_are_read_from_their_folder(monkeypatch, tmp_path, state):
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path))
    torch.save(state, tmp_path / "passt-l-kd-ap.47.pt")
    embedder = PasstEmbedder(EmbeddingSpec(LIGHT.name), device="cpu")
    assert embedder.spec.weights == "published"
    assert torch.equal(embedder.net.cls_token, state["cls_token"])


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_file_is_named_by_its_hash(tmp_path, state, suffix):
    path = tmp_path / f"mine.{suffix}"
    torch.save(state, path) if suffix == "pt" else safetensors.torch.save_file(state, path)
    embedder = PasstEmbedder(EmbeddingSpec(LIGHT.name), weights=path, device="cpu")
    assert embedder.spec.weights == weights.file_tag(path)
    assert embedder.spec.weights.startswith("sha256-")
    assert embedder.fingerprint == PasstEmbedder(EmbeddingSpec(LIGHT.name), weights=state, device="cpu").fingerprint


def test_weights_of_another_checkpoint_are_refused(tmp_path, state):
    torch.save(state, tmp_path / "light.pt")
    with pytest.raises(ValueError, match=r"light.pt: not passt_s_swa_p16_128_ap476: 60 tensors missing"):
        PasstEmbedder(EmbeddingSpec(), weights=tmp_path / "light.pt", device="cpu")
    state = {**state, "time_new_pos_embed": torch.zeros(1, 768, 1, 200)}
    with pytest.raises(ValueError, match=r"time_new_pos_embed is \(1, 768, 1, 200\), expected \(1, 768, 1, 99\)"):
        PasstEmbedder(EmbeddingSpec(LIGHT.name), weights=state, device="cpu")


class _Code:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("content", [b"not a file of weights", pickle.dumps(_Code()), b""])
def test_a_file_that_holds_no_tensors_is_refused(tmp_path, content, capsys):
    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken.pt: not a state dict of tensors"):
        PasstEmbedder(EmbeddingSpec(LIGHT.name), weights=path, device="cpu")
    assert "executed" not in capsys.readouterr().out


def test_weights_that_need_a_file_are_not_invented():
    with pytest.raises(ValueError, match="weights 'sha256-0123456789ab' have no file"):
        PasstEmbedder(EmbeddingSpec(LIGHT.name, weights="sha256-0123456789ab"), device="cpu")
