"""CNN14 and the MobileNets: equal to the originals, their weights, levels and windows."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch

from ablations.models import registry
from ablations.models.baselines import cnn14, mobilenet, named
from ablations.models.baselines.checkpoints import state_of, table, untrained
from passt.network.precision import available
from passt.weights import load as weight_files
from tests.reference_values import REFERENCE, clip, filled_cnn_state

MN10 = {"mel_avgs": "melmean"} | {f"b{number}": f"block{number}" for number in (5, 11, 13, 15)}
SMALL = "mn01_as@untrained-0"
MILLIONS = {  # parameters and 10^9 multiply-adds of a clip of 10 s, github.com/fschmid56/EfficientAT
    "mn04_as": (0.983, 0.11),
    "mn05_as": (1.43, 0.16),
    "mn10_as": (4.88, 0.54),
    "mn20_as": (17.91, 2.06),
    "mn30_as": (39.09, 4.55),
    "mn40_as": (68.43, 8.03),
    "mn40_as_ext": (68.43, 8.03),
    "mn10_as_hop_15": (4.88, 0.36),
    "mn10_as_hop_20": (4.88, 0.27),
    "mn10_as_hop_25": (4.88, 0.22),
}


def built(text, **options):
    return registry.build(registry.resolve(text), device="cpu", **options)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Embedders with the weights of the reference values, by name."""

    def make(name, embedder):
        shapes = embedder.published_shapes(embedder.network(table()[name]))
        file = tmp_path_factory.mktemp("weights") / "filled.pt"
        torch.save({"model": filled_cnn_state(shapes)} if name == "cnn14" else filled_cnn_state(shapes), file)
        spec, path = registry.resolve_with_file(name, file)
        return registry.build(spec, device="cpu", weights=path)

    made = {}

    def get(name):
        if name not in made:
            made[name] = make(name, {"cnn14": cnn14.Cnn14Embedder}.get(name, mobilenet.MobileNetEmbedder))
        return made[name]

    return get


def close(found, wanted):
    assert found.shape == wanted.shape
    return np.abs(found.numpy() - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_cnn14_is_that_of_panns(filled):
    embedder = filled("cnn14")
    manifest = json.loads((REFERENCE / "cnn_manifest.json").read_text())["cnn14"]
    assert sorted(embedder.published_shapes(embedder.net)) == sorted(manifest["state_dict_keys"])
    with np.load(REFERENCE / "cnn14.npz") as wanted:
        assert len(wanted) == 5
        for seconds in (1.0, 4.0):
            found = embedder.scene([clip(seconds, 1)], [("embedding", None), ("logits", None)])
            assert close(found["embedding", None][0], wanted[f"embedding_{seconds}s"])
            assert close(torch.sigmoid(found["logits", None][0]), wanted[f"clipwise_output_{seconds}s"])
        assert close(embedder.mel(clip(1.0, 1)).T, wanted["logmel_1.0s"])


def test_mn10_is_that_of_efficientat(filled):
    embedder = filled("mn10_as")
    manifest = json.loads((REFERENCE / "cnn_manifest.json").read_text())["mn10"]
    assert sorted(embedder.published_shapes(embedder.net)) == sorted(manifest["state_dict_keys"])
    with np.load(REFERENCE / "mn10.npz") as wanted:
        names = [name for name in wanted if not name.startswith("timestamp")]
        assert len(names) == 12
        taps = {name: (MN10.get(name, name), None) for name in names}
        found = embedder.scene([clip(4.0, 1)], list(taps.values()))
        for name, tap in taps.items():
            assert close(found[tap][0], wanted[name]), name
        taps = [(MN10[name], 160) for name in ("mel_avgs", "b5", "b11", "b13", "b15")]
        ((values, times),) = embedder.timestamps([clip(1.3, 2)], taps, 50)
        assert close(torch.cat([values[tap] for tap in taps], dim=1), wanted["timestamp_160ms"])
        assert times.tolist() == wanted["timestamp_160ms_centres"].tolist() == [50.0 * step for step in range(27)]


@pytest.mark.parametrize("name", [row.name for row in named.table().values() if row.spec])
def test_published_configurations_have_their_size(name):
    spec = registry.resolve(name)
    dims = mobilenet.MobileNetEmbedder.dims_of(table()[spec.checkpoint])
    # mn40_clf2 says 2016 of itself, as mn40_all_b_mel_avgs does: its network's hidden layer has 5120 units
    wanted = 5120 if name == "mn40_clf2" else named.table()[name].scene_dim
    assert sum(dims[level] for level, _ in spec.scene_taps()) == wanted
    assert spec.windows_ms in ((160,), (640,), (1280,))


def test_published_configurations_that_are_not_supported_say_why():
    refused = [row for row in named.table().values() if row.unsupported]
    assert len(refused) == 18
    for row in refused:
        with pytest.raises(ValueError, match=f"{row.name}: not supported: "):
            registry.resolve(row.name)
    assert not {row.name for row in named.table().values()} & {card.name for card in mobilenet.CARDS}


@pytest.mark.parametrize("name", MILLIONS)
def test_networks_cost_what_is_published(name):
    checkpoint, embedder = table()[name], mobilenet.MobileNetEmbedder
    assert embedder.parameters_of(checkpoint) / 1e6 == pytest.approx(MILLIONS[name][0], abs=0.006)
    macs = embedder.macs_of(checkpoint, mobilenet.LEVELS, 10 * 32000)  # 1000 frames
    assert macs / 1e9 == pytest.approx(MILLIONS[name][1], abs=0.006, rel=0.003)


def test_cnn14_has_the_published_number_of_parameters():
    parameters = cnn14.Cnn14Embedder.parameters_of(table()["cnn14"])
    fixed = sum(torch.Size(shape).numel() for shape in cnn14.FIXED.values())
    assert parameters + fixed == 81837071  # cnn_manifest.json counts what the front end fixes, too


@pytest.mark.parametrize("level", ["melmean", "block0", "block3", "se6", "block15", "clf1", "logits"])
def test_a_level_does_not_depend_on_what_else_is_asked(level):
    embedder = built(SMALL)
    clips = [clip(0.5, 1), clip(0.8, 2), clip(0.5, 3)]
    alone = embedder.scene(clips, [(level, None)])[level, None]
    together = embedder.scene(clips, [(name, None) for name in embedder.dims])
    assert torch.equal(alone, together[level, None])
    found = {tap: value.shape[-1] for tap, value in together.items()}
    assert found == {(name, None): width * embedder.tokens((name, None)) for name, width in embedder.dims.items()}


def test_the_network_ends_at_the_deepest_level():
    embedder = built(SMALL)
    called = []
    for number, module in enumerate(embedder._ready.features):
        module.register_forward_hook(lambda *_, number=number: called.append(number))
    embedder.scene([clip(0.3, 1)], [("block2", None), ("se4", None)])
    assert called == [0, 1, 2, 3, 4]


def test_windows_are_those_cut_out_one_by_one():
    embedder = built("mn01_as@block5+melmean@untrained-0")
    audio = clip(1.0, 4)
    taps = [("block5", 640), ("melmean", 640)]
    ((values, times),) = embedder.timestamps([audio], taps, 50)
    padded = torch.nn.functional.pad(audio[None], (10240, 10240), mode="reflect")[0]
    for step in (0, 7, 20):
        window = padded[step * 1600 : step * 1600 + 20480]
        one = embedder.scene([window], [("block5", None), ("melmean", None)])
        for level, _ in taps:
            assert torch.allclose(values[level, 640][step], one[level, None][0], atol=2e-5), (level, step)
    assert len(times) == 21


@pytest.mark.parametrize("text", [SMALL, "cnn14@block2@untrained-0"])
@pytest.mark.parametrize("samples", [1, 600])
def test_very_short_clips(text, samples):
    embedder = built(text)
    level, window = registry.resolve(text).levels[0], registry.card(text.split("@")[0]).default_windows_ms[0]
    assert torch.isfinite(embedder.scene([torch.ones(samples)], [(level, None)])[level, None]).all()
    ((values, times),) = embedder.timestamps([torch.ones(samples)], [(level, window)], 50)
    assert len(values[level, window]) == len(times) == 1


def test_cnn14_takes_the_whole_clip_in_batches_of_any_size():
    embedder = built("cnn14@untrained-0")
    clips = [clip(0.4, 1), clip(2.6, 2), clip(0.4, 3)]
    taps = [("block1", None), ("melstd", None), ("block4", None)]
    found = embedder.scene(clips, taps)
    embedder._budget.size, embedder._ready.frames_in_cache = 1, 1
    again = embedder.scene(clips, taps)
    for tap in taps:
        assert torch.allclose(found[tap], again[tap], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("frames", [1024, 1040, 1063, 2049])
def test_the_large_maps_of_cnn14_are_of_parts_of_a_long_clip(frames):
    net = built("cnn14@untrained-0")._ready
    mel = 10 * torch.randn(1, cnn14.BANDS, frames, generator=torch.Generator().manual_seed(0)) - 40
    names = ("block1", "block2", "block3", "block4")
    seen = []
    net.conv_block1.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[2]))
    found = net(mel, names)
    assert max(seen) <= net.frames_in_cache + 2 * cnn14.REACH
    net.frames_in_cache = None
    wanted = net(mel, names)
    assert seen[-1] == frames
    for name in names:
        assert (found[name] - wanted[name]).abs().max() <= 2e-6 * wanted[name].abs().max(), name


def test_windows_that_are_too_short_are_refused():
    assert str(registry.resolve("cnn14@w320")) == "cnn14@embedding@w320@smax@t50@published"
    with pytest.raises(ValueError, match="cnn14: windows_ms must be at least 320 ms, got 160 ms"):
        registry.resolve("cnn14@w160")
    with pytest.raises(ValueError, match="mn10_as: scene_window_ms must be 17 to 10000 ms, got 20000"):
        registry.resolve("mn10_as@s20000")


def test_names_of_the_original_stand_for_the_checkpoint():
    assert registry.resolve("Cnn14_mAP=0.431") == registry.resolve("cnn14")
    assert table()["cnn14"].file == "Cnn14_mAP=0.431.pth"


def test_untrained_weights_are_of_the_seed():
    one, other = (built(f"mn01_as@untrained-{seed}") for seed in (0, 1))
    assert one.fingerprint == built(SMALL).fingerprint != other.fingerprint
    assert one.name == SMALL
    hop5 = untrained(one.published_shapes(one.net), 0)
    assert torch.equal(hop5["features.0.0.weight"], one.net.state_dict()["features.0.0.weight"])


def test_files_that_do_not_fit_are_refused(tmp_path):
    shapes = mobilenet.MobileNetEmbedder.published_shapes(mobilenet.MobileNet(0.1, 527))
    state = filled_cnn_state(shapes)
    other = tmp_path / "mn10_as_hop_5_mAP_475.pt"
    torch.save(state, other)
    with pytest.raises(
        ValueError, match="is by its name mn10_as_hop_5's file .*hop 160, width 1.*, not mn01_as's file"
    ):
        state_of(table()["mn01_as"], "sha256-0", other, shapes)
    mine = tmp_path / "mine.pt"
    torch.save({name: value for name, value in state.items() if name != "classifier.5.bias"}, mine)
    with pytest.raises(ValueError, match=r"not mn01_as: 1 tensors missing \['classifier.5.bias'\]"):
        state_of(table()["mn01_as"], "sha256-0", mine, shapes)
    torch.save(state, mine)
    with pytest.raises(ValueError, match="not mn10_as: 28 tensors missing"):
        registry.build(*registry.resolve_with_file("mn10_as", mine)[:1], device="cpu", weights=mine)


@pytest.mark.parametrize(
    ("name", "level", "heads"), [("mn01_as", "block5", "classifier.5"), ("cnn14", "block1", "fc_audioset")]
)
def test_levels_without_the_head_are_those_of_any_head(name, level, heads, tmp_path):
    original = built(f"{name}@{level}@untrained-0")
    state = original.net.state_dict()  # of CNN14 without what its front end fixes
    wrapped = {f"module.{key}": value[:5] if key.startswith(heads) else value for key, value in state.items()}
    torch.save({"model": wrapped, "epoch": 3}, tmp_path / "five.pt")
    torch.save({key: value for key, value in state.items() if not key.startswith(heads)}, tmp_path / "none.pt")
    wanted = original.scene([clip(0.5, 1)], [(level, None)])[level, None]
    for file, outputs in (("five.pt", 5), ("none.pt", None)):
        spec, path = registry.resolve_with_file(f"{name}@{level}", tmp_path / file)
        found = registry.build(spec, device="cpu", weights=path)
        assert found.dims.get("logits") == outputs
        assert torch.equal(found.scene([clip(0.5, 1)], [(level, None)])[level, None], wanted)
        assert found.fingerprint != original.fingerprint
    with pytest.raises(ValueError, match=r"none.pt: has no head, and so no level logits; ask for other levels"):
        registry.build(registry.resolve(f"{name}@logits"), device="cpu", weights=tmp_path / "none.pt")


def test_a_training_of_another_network_is_refused(tmp_path):
    state = built(SMALL).net.state_dict()
    notes = {"training": json.dumps({"recipe": {"network": "mn01"}, "labels": []})}
    safetensors.torch.save_file(state, tmp_path / "mine.safetensors", notes)
    for name in ("mn10_as_hop_15", "mn10_as"):
        spec, path = registry.resolve_with_file(name, tmp_path / "mine.safetensors")
        with pytest.raises(ValueError, match=f"was trained as mn01 with hop 320, not {name}'s file"):
            registry.build(spec, device="cpu", weights=path)
    spec, path = registry.resolve_with_file("mn01_as", tmp_path / "mine.safetensors")
    assert registry.build(spec, device="cpu", weights=path).fingerprint == built(SMALL).fingerprint


def test_weights_that_only_a_file_gives_are_never_the_published_ones(monkeypatch, tmp_path):
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path))
    shapes = mobilenet.MobileNetEmbedder.published_shapes(mobilenet.MobileNet(0.1, 527))
    torch.save(untrained(shapes, 0), tmp_path / "w.pt")
    (tmp_path / "w.pt").rename(tmp_path / table()["mn01_as"].file)
    with pytest.raises(ValueError, match="mn01_as: weights 'sha256-0123456789ab' have no file; expected published, "):
        built("mn01_as@sha256-0123456789ab")


def test_published_weights_that_are_not_here_say_what_to_put_where(monkeypatch, tmp_path):
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"cnn14: no published weights at {tmp_path}: .*zenodo.org.*Cnn14_mAP"):
        built("cnn14")


def test_a_published_file_with_another_md5_never_gets_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path))
    monkeypatch.delenv("PASST_OFFLINE")
    torch.save({"model": {}}, tmp_path / "other.pt")

    def served(url, part, *args, **options):
        part.write_bytes((tmp_path / "other.pt").read_bytes())

    monkeypatch.setattr("passt.fetch.download.transfer", served)
    with pytest.raises(FileNotFoundError, match="its MD5 is [0-9a-f]{32}, expected 541141fa2ee191a88f24a3219fff024e"):
        weight_files.published_file(table()["cnn14"])
    assert not weight_files.place(table()["cnn14"]).exists()


def test_the_published_mn04(shared, monkeypatch):
    monkeypatch.setenv("PASST_WEIGHTS", str(shared / "data"))
    embedder = built("mn04_as")
    assert embedder.name == "mn04_as@published"
    assert built("mn04_as@untrained-0").fingerprint != embedder.fingerprint
    found = embedder.scene([clip(2.0, 1)], [(level, None) for level in registry.resolve("mn04_as").levels])
    assert sum(value.shape[-1] for value in found.values()) == 320


def test_bf16_is_close_and_another_model():
    if "bf16" not in available(torch.device("cpu")):
        pytest.skip("this processor has no bf16 products")
    exact, rounded = built(SMALL), built(SMALL, precision="bf16")
    assert exact.fingerprint != rounded.fingerprint
    assert rounded.precision == "bf16"
    taps = [("melmean", None), ("block5", None), ("block15", None)]
    wanted, found = (embedder.scene([clip(1.0, 1)], taps) for embedder in (exact, rounded))
    assert torch.equal(found["melmean", None], wanted["melmean", None])
    for tap in taps[1:]:
        assert 0 < (found[tap] - wanted[tap]).abs().max() < 0.05 * wanted[tap].abs().max()


@pytest.mark.gpu
@pytest.mark.parametrize("text", [SMALL, "cnn14@untrained-0"])
def test_cuda_gives_the_numbers_of_the_cpu(text, cuda):
    here = built(text)
    there = registry.build(registry.resolve(text), device=cuda)
    taps = [(level, None) for level in here.dims]
    wanted, found = (embedder.scene([clip(1.0, 1), clip(0.7, 2)], taps) for embedder in (here, there))
    for tap in taps:
        assert (found[tap] - wanted[tap]).abs().max() <= 1e-4 * wanted[tap].abs().max()
