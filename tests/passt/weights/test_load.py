import dataclasses
import itertools
import pickle

import pytest
import safetensors.torch
import torch

from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog import checkpoints
from passt.fetch import download
from passt.weights import load

TABLE = checkpoints.table()
LIGHT = dataclasses.replace(TABLE["passt_l_kd_p16_128_ap47"], depth=1)  # of its seven blocks
NARROW = dataclasses.replace(LIGHT, depth=2, width=64, heads=2, n_classes=10)


@pytest.fixture(autouse=True)
def _light_and_offline(monkeypatch):
    monkeypatch.setenv("PASST_OFFLINE", "1")
    monkeypatch.setattr(checkpoints, "table", lambda: {**TABLE, LIGHT.name: LIGHT})


@pytest.fixture(scope="module")
def state():
    return load.untrained(LIGHT, seed=3)


def test_untrained_weights_come_from_their_seed(state):
    again = load.untrained(LIGHT, seed=3)
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert not torch.equal(state["cls_token"], load.untrained(LIGHT, seed=4)["cls_token"])
    weight = state["blocks.0.mlp.fc1.weight"]
    assert 0.016 < weight.std() < 0.019  # a normal of 0.02, cut at two standard deviations
    assert weight.abs().max() <= 0.04
    assert (state["blocks.0.norm1.weight"] == 1).all()
    assert (state["blocks.0.mlp.fc1.bias"] == 0).all()


def test_untrained_tensors_have_streams_of_their_own():
    """Tensors of one shape differ, also from one block to the next."""
    drawn = {name: tensor for name, tensor in load.untrained(NARROW, seed=3).items() if tensor.ndim > 1}
    for one, other in itertools.combinations(drawn, 2):
        some = min(8, drawn[one].numel(), drawn[other].numel())
        first, second = (drawn[name].flatten()[:some] / drawn[name].std(correction=0) for name in (one, other))
        assert not torch.allclose(first, second, atol=0.01), f"{one} and {other}"


RECORDED = {
    "cls_token": [-1086, 1493, 414, 198],
    "patch_embed.proj.weight": [-6936, -1000, 1243, 9005],
    "blocks.0.attn.qkv.weight": [-13353, 389, -16249, 3711],
    "blocks.1.attn.qkv.weight": [10775, 6193, 2265, 16712],
    "head.1.weight": [-397, 2425, 793, 1180],
}
"""The first numbers of tensors of seed 3, in units of 1e-5."""


@pytest.mark.parametrize("name", RECORDED)
def test_untrained_weights_stay_the_same(name):
    """In every version: `untrained-SEED` is an embedding's name in studies and stores."""
    tensor = load.untrained(NARROW, seed=3, prefix=name)[name]
    assert (tensor.flatten()[:4] * 1e5).round().int().tolist() == RECORDED[name]


def test_absent_published_weights_say_what_to_put_where(monkeypatch, tmp_path):
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError) as error:
        PasstEmbedder(EmbeddingSpec(), device="cpu")
    message = str(error.value)
    assert str(tmp_path / "passt-s-f128-p16-s10-ap.476-swa.pt") in message
    assert "https://github.com/kkoutini/PaSST/releases/download/v0.0.1-audioset" in message
    assert "$PASST_OFFLINE is set" in message
    assert "untrained-SEED" in message
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
    assert embedder.spec.weights == load.file_tag(path)
    assert embedder.spec.weights.startswith("sha256-")
    assert embedder.fingerprint == PasstEmbedder(EmbeddingSpec(LIGHT.name), weights=state, device="cpu").fingerprint


def test_weights_of_another_checkpoint_are_refused(tmp_path, state):
    torch.save(state, tmp_path / "light.pt")
    with pytest.raises(ValueError, match=r"light.pt: not passt_s_swa_p16_128_ap476: 132 tensors missing"):
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


@pytest.fixture
def published(monkeypatch, tmp_path, state):
    """The weights folder; made(name, ...) puts a file there for a checkpoint."""
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path / "published"))
    (tmp_path / "published").mkdir()

    def made(checkpoint, content=None):
        path = load.place(checkpoint)
        torch.save(state if content is None else content, path)
        return path

    return made


def test_absent_published_weights_are_fetched(monkeypatch, tmp_path, published, state):
    path = published(LIGHT)
    source = path.rename(tmp_path / "source.pt")

    def served(url, part, **_):
        assert url == LIGHT.url
        part.write_bytes(source.read_bytes())

    monkeypatch.setattr("passt.fetch.download.transfer", served)
    monkeypatch.delenv("PASST_OFFLINE")
    assert torch.equal(load.load(LIGHT, "published")["cls_token"], state["cls_token"])
    assert path.is_file()
    assert download.recorded(path) == download.sha256_of(source)


def test_a_page_in_place_of_a_file_is_not_kept(monkeypatch, published):
    def served(url, part, **_):
        part.write_bytes(b"<html>please log in</html>")

    path = published(LIGHT)
    path.unlink()
    monkeypatch.setattr("passt.fetch.download.transfer", served)
    monkeypatch.delenv("PASST_OFFLINE")
    with pytest.raises(FileNotFoundError, match=r"begins with b'<html>please log', as no file of weights does"):
        load.load(LIGHT, "published")
    assert not path.exists()
    assert download.recorded(path) is None


def test_a_damaged_record_of_another_checkpoint_does_not_stop_this_one(published, caplog):
    path = published(LIGHT)
    record = load.place(checkpoints.get("stfthop160"))
    record.with_name(f"{record.name}.sha256").write_text("garbage")
    assert load.load(LIGHT, "published").keys() == load.read(path, LIGHT).keys()
    assert "expected 64 hex digits and a file name" in caplog.text


def test_a_published_file_is_checked_from_its_first_use_on(published):
    path = published(LIGHT)
    load.load(LIGHT, "published")
    published(LIGHT, load.untrained(LIGHT, seed=4))
    with pytest.raises(ValueError, match=f"{path}: its sha256 is [0-9a-f]{{12}}, but [0-9a-f]{{12}} was recorded"):
        load.load(LIGHT, "published")


def same_shapes():
    """Pairs of checkpoints that a state dict fits alike although they listen differently."""
    settings = {
        row: (row.hop, row.fstride, row.tstride, row.max_window_s)
        for row in checkpoints.table().values()
        if row.layout == "passt"
    }
    rows = [(row, tuple(sorted(load.shapes(row).items()))) for row in settings]
    return [
        (one, other)
        for one, a in rows
        for other, b in rows
        if one != other and a == b and settings[one] != settings[other]
    ]


def test_what_shapes_do_not_tell_apart_its_name_and_its_contents_do(published, tmp_path):
    pairs = same_shapes()
    assert {tuple(sorted(row.hop for row in pair)) for pair in pairs} == {(160, 320)}
    for mine, other in pairs:
        path = published(other, {"cls_token": torch.full((1, 1, 768), float(other.hop))})
        with pytest.raises(
            ValueError, match=f"is by its name {other.name}'s file .* {other.max_window_s} s.*, not {mine.name}"
        ):
            load.read(path, mine)
        copy = tmp_path / "renamed.pt"
        copy.write_bytes(path.read_bytes())
        with pytest.raises(ValueError, match=f"has the sha256 of {other.name}'s file .*, not {mine.name}") as error:
            load.read(copy, mine)
        assert "\n" not in str(error.value)
        path.unlink()  # its record is enough
        with pytest.raises(ValueError, match=f"has the sha256 of {other.name}'s file"):
            load.read(copy, mine)
        path.with_name(f"{path.name}.sha256").unlink()


def test_another_checkpoints_file_under_the_right_name_is_refused(published):
    other = checkpoints.get("passt_s_swa_p16_128_ap476")
    load.place(LIGHT).write_bytes(published(other).read_bytes())
    with pytest.raises(ValueError, match=f"has the sha256 of {other.name}'s file"):
        PasstEmbedder(EmbeddingSpec(LIGHT.name), device="cpu")
    load.place(other).unlink()
    load.place(other).with_name(f"{other.file}.sha256").unlink()
    assert PasstEmbedder(EmbeddingSpec(LIGHT.name), device="cpu").spec.weights == "published"


def test_a_file_of_anything_but_tensors_is_refused(tmp_path):
    torch.save({"model": {"a": torch.zeros(1)}, "epoch": 3}, tmp_path / "nested.pt")
    assert list(load.tensors(tmp_path / "nested.pt")) == ["a"]
    torch.save({"a": torch.zeros(1), "epoch": 3}, tmp_path / "mixed.pt")
    with pytest.raises(ValueError, match=r"mixed.pt: not a state dict of tensors"):
        load.tensors(tmp_path / "mixed.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.to_sparse(), "float32, sparse_coo"),
        (lambda t: t.to("meta"), "without values"),
        (lambda t: t.to(torch.int8), "int8, strided"),
        (lambda t: t.to(torch.complex64), "complex64, strided"),
        (lambda t: t.bool(), "bool, strided"),
    ],
)
def test_only_dense_floating_tensors_are_weights(tmp_path, state, change, message):
    torch.save({**state, "head.1.weight": change(state["head.1.weight"])}, tmp_path / "odd.pt")
    with pytest.raises(ValueError, match=f"odd.pt: head.1.weight must be a dense tensor of floats, got one {message}"):
        load.read(tmp_path / "odd.pt", LIGHT)
