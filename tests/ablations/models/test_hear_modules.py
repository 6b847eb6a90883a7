"""HEAR modules as embedders, in this process and in one of their own."""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ablations.models import registry
from ablations.models.hear_modules import api, trial, worker
from downstream.embedder import OWN_HOP, released
from passt import EmbeddingSpec, PasstEmbedder
from passt.weights.load import file_tag
from tests.ablations.hear_fakes import TENSORFLOW, TORCH
from tests.reference_values import clip

HERE, THERE = None, Path(sys.executable)
TAP = ("embedding", None)


def build(text: str, python: Path | None = HERE, weights: Path | None = None):
    spec, weights = registry.resolve_with_file(text, weights)
    return registry.build(spec, device="cpu", weights=weights, python=python)


def clips(*seconds: float) -> list[torch.Tensor]:
    return [clip(length, seed, 16000) for seed, length in enumerate(seconds)]


def test_it_is_the_same_model_in_either_process(hear_module, capfd):
    name = f"hear:{hear_module(TORCH)}?scale=2"
    sounds = clips(1.0, 0.5, 1.0, 0.25)
    found = {}
    for python in (HERE, THERE):
        with released(build(name, python)) as embedder:
            assert (embedder.sample_rate, embedder.own_hop_ms) == (16000, 40.0)
            assert (embedder.dims, embedder.timestamp_dims) == ({"embedding": 4}, {"embedding": 3})
            scenes = embedder.scene(sounds, [TAP])[TAP]
            found[python] = embedder.fingerprint, scenes, embedder.timestamps(sounds, [TAP], OWN_HOP)
    assert capfd.readouterr().out == ""
    (here, scenes, steps), (there, other_scenes, other_steps) = found.values()
    assert here == there
    assert torch.equal(scenes, other_scenes)
    for (values, times), (other, other_times), sound in zip(steps, other_steps, sounds, strict=True):
        assert torch.equal(values[TAP], other[TAP])
        assert torch.equal(times, other_times)
        assert times.tolist() == [40.0 * step for step in range(len(sound) // 640 + 1)]
    assert torch.allclose(scenes[1, 3], 2 * steps[1][0][TAP][:, 1].max() / 2)


def test_a_module_gets_floats_within_full_scale_alone(hear_module):
    embedder = build("hear:" + hear_module(TORCH))
    (sound,) = clips(0.5)
    integers = (sound * 32768).round().clamp(-32768, 32767).to(torch.int16)
    wanted = embedder.scene([integers.float() / 32768], [TAP])[TAP]
    assert torch.equal(embedder.scene([integers.numpy()], [TAP])[TAP], wanted)
    for wrong in (integers.float(), sound / 0, integers.int(), sound[:0]):
        for function in (embedder.scene, lambda c, t: embedder.timestamps(c, t, OWN_HOP)):
            with pytest.raises(ValueError, match="clip 0 (has samples up to|holds NaN|must be)"):
                function([wrong], [TAP])


def test_what_a_module_sets_is_its_own(hear_module):
    sets = "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\n"
    asks = TORCH.replace("print(", "assert torch.get_default_dtype() is torch.float64; print(")
    embedder = build("hear:" + hear_module(sets + asks))
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32
    assert embedder.scene(clips(1), [TAP])[TAP].dtype is torch.float32
    assert torch.get_default_dtype() is torch.float32


def test_clips_of_equal_length_go_together(hear_module, monkeypatch):
    embedder = build("hear:" + hear_module(TORCH))
    shapes = []
    scene = embedder._module.scene
    monkeypatch.setattr(embedder._module, "scene", lambda audio: shapes.append(audio.shape) or scene(audio))
    monkeypatch.setattr("ablations.models.hear_modules.one_level.SECONDS_AT_ONCE", 2.0)
    sounds = clips(1.0, 0.5, 1.0, 1.0, 0.5)
    found = embedder.scene(sounds, [TAP])[TAP]
    assert shapes == [(2, 16000), (1, 16000), (2, 8000)]
    alone = torch.cat([embedder.scene([sound], [TAP])[TAP] for sound in sounds])
    assert torch.allclose(found, alone, atol=1e-6)


def test_the_fingerprint_is_of_module_options_weights_and_numbers(hear_module, tmp_path):
    name = "hear:" + hear_module(TORCH)
    (tmp_path / "two.pt").write_text("2")
    (tmp_path / "three.pt").write_text("3")
    by_file = build(name, weights=tmp_path / "two.pt")
    assert by_file.name == f"{name}@{file_tag(tmp_path / 'two.pt')}"
    assert torch.allclose(by_file.scene(clips(1), [TAP])[TAP], 2 * build(name).scene(clips(1), [TAP])[TAP])
    fingerprints = [
        build(name).fingerprint,
        build(f"{name}?scale=2").fingerprint,
        build(f"{name}?scale=2.001").fingerprint,
        by_file.fingerprint,
        build(name, weights=tmp_path / "three.pt").fingerprint,
    ]
    hear_module(TORCH.replace("scale=1.0", "scale=1.5"), "another")
    Path("another.py").rename("fake_hear.py")  # the same name, other numbers
    del sys.modules["fake_hear"]
    fingerprints.append(build(name).fingerprint)
    assert len(set(fingerprints)) == 6
    assert build(f"{name}@untrained-0").fingerprint == fingerprints[-1]  # a label
    with pytest.raises(ValueError, match="weights sha256-0123456789ab need the file"):
        build(f"{name}@sha256-0123456789ab")


FAULTS = {
    "load": "load_model failed: RuntimeError: no weights to be had",
    "exit": "load_model failed: SystemExit: enough",
    "no model": "load_model returned function, expected a torch.nn.Module or a tensorflow.Module",
    "rate": "its model's sample_rate must be a positive int, got 16000.0",
    "no size": "its model's scene_embedding_size must be a positive int, got '4'",
    "raises": "get_timestamp_embeddings on audio 2x32000 failed: IndexError: too short",
    "float16": "get_timestamp_embeddings returned embeddings of float16, expected float32",
    "float64": "get_timestamp_embeddings returned embeddings of float64, expected float32",
    "width": "returned embeddings of shape (2, 51, 2), expected (2, 51, 3): (clips, steps, timestamp_embedding_size)",
    "clips": "returned embeddings of shape (1, 51, 3), expected (2, 51, 3)",
    "alone": "get_timestamp_embeddings returned torch.Tensor, expected the pair (embeddings, timestamps)",
    "times": "get_timestamp_embeddings returned timestamps of shape (51,), expected (2, 51), as embeddings",
    "other times": "returned other timestamps for other clips of one batch, expected the same",
    "half times": "returned timestamps of float16, expected one of float32, float64, int32, int64",
    "not finite": "returned timestamps that are not finite",
    "backwards": "returned timestamps that do not increase",
    "irregular": "returned irregular timestamps, expected steps of 40.06 ms, got 40 to 43 ms",
    "seconds": "timestamps that look like seconds, the API asks for milliseconds: the last one is 2 for a clip of 2 s",
    "frames": "timestamps that are no milliseconds: the last of 51 is 50 for a clip of 2000 ms",
    "samples": "returned timestamps outside of a clip, expected 0 to 2000 ms, got 0 to 32000",
    "none": "get_timestamp_embeddings returned no timestamp for 2x32000 samples, expected at least one",
    "scene": "get_scene_embeddings returned embeddings of shape (2, 1, 4), expected (2, 4): (clips, scene_embedding_",
    "list": "get_scene_embeddings returned embeddings of list, expected float32",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_breaks_the_api_is_named(hear_module, fault):
    with pytest.raises(ValueError, match=re.escape(FAULTS[fault])) as error:
        build(f"hear:{hear_module(TORCH)}?fault={fault.replace(' ', '%20')}")
    assert str(error.value).startswith("hear:fake_hear: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("missing", api.FUNCTIONS)
def test_a_missing_function_is_named(hear_module, missing):
    name = hear_module(
        TENSORFLOW.replace("Module", "x") + "\n".join(f"def {f}(): pass" for f in api.FUNCTIONS if f != missing)
    )
    with pytest.raises(ValueError, match=f"hear:{name}: has no function {missing}; the HEAR API asks for load_model,"):
        build(f"hear:{name}")


def test_arrays_and_single_timestamps_will_do(hear_module):
    embedder = build(f"hear:{hear_module(TORCH)}?fault=arrays")
    assert torch.equal(embedder.scene(clips(1), [TAP])[TAP], build("hear:fake_hear").scene(clips(1), [TAP])[TAP])
    once = hear_module(TORCH.replace("= 640,", "= audio.shape[1] + 1,"), "fake_hear_once")
    embedder = build(f"hear:{once}")
    assert embedder.own_hop_ms is None
    assert embedder.timestamps(clips(1), [TAP], OWN_HOP)[0][1].tolist() == [0.0]


def test_what_is_not_there_is_named(hear_module):
    name = hear_module(TORCH)
    for python in (HERE, THERE):
        with pytest.raises(ValueError, match="hear:no_such.thing: can't be imported: ModuleNotFoundError: No module n"):
            build("hear:no_such.thing", python)
        with pytest.raises(ValueError, match="hear:fake_hear: load_model failed: TypeError: .* argument 'bands'"):
            build(f"hear:{name}?bands=3", python)
    embedder = build(f"hear:{name}")
    with pytest.raises(ValueError, match="its timestamps are its own"):
        embedder.timestamps(clips(1), [TAP], 50)
    with pytest.raises(ValueError, match=r"unknown tap \('embedding', 160\)"):
        embedder.scene(clips(1), [("embedding", 160)])
    with pytest.raises(ValueError, match="precision must be fp32, got 'bf16'"):
        registry.build_alone(registry.resolve("hear:fake_hear"), "cpu", None, "bf16")
    with pytest.raises(ValueError, match="logmel: python is for HEAR modules"):
        registry.build_alone(registry.resolve("logmel"), "cpu", None, "fp32", python=THERE)


def test_old_interpreters_can_run_the_worker():
    for file in (api.__file__, trial.__file__, worker.__file__):
        tree = ast.parse(Path(file).read_text(), feature_version=(3, 7))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name.split(".")[0] for name in names} - {"numpy"} <= set(sys.stdlib_module_names)


def test_the_sketch_tells_models_apart_and_not_devices():
    values = np.random.default_rng(0).normal(size=(2, 41, 1295)).astype(np.float32)
    noise = 1 + 1e-5 * np.random.default_rng(1).normal(size=values.shape)
    elsewhere = (values * noise).astype(np.float32)
    assert (values.round(3) != elsewhere.round(3)).any()  # what rounding alone would make of it
    assert trial.sketch(values) == trial.sketch(elsewhere)
    for other in (values * np.float32(1.02), -values, abs(values), values[..., ::-1], np.roll(values, 1, -1)):
        assert trial.sketch(values) != trial.sketch(other)
    few = values[:, :1, :3]
    assert trial.sketch(few) == trial.sketch(few * np.float32(1 + 1e-6)) != trial.sketch(-few)
    assert trial.sketch(np.zeros((2, 3), np.float32)) == trial.sketch(-np.zeros((2, 3), np.float32))


def test_passt_hear_is_passt():
    text = "passt_l_kd_p16_128_ap47@logits+block2@w160@t100@untrained-0"
    embedder = build(f"hear:passt.hear?spec={text.replace('@', '%40').replace('+', '%2B')}")
    native = PasstEmbedder(EmbeddingSpec.parse(text), device="cpu")
    assert embedder.name.endswith("@untrained-0")
    assert (embedder.sample_rate, embedder.own_hop_ms) == (32000, 100.0)
    sound = clip(0.3, 1)
    assert torch.equal(embedder.scene([sound], [TAP])[TAP], native.scene_embedding(sound[None]))
    ((values, times),) = embedder.timestamps([sound], [TAP], OWN_HOP)
    wanted, wanted_times = native.timestamp_embedding(sound[None])
    assert torch.equal(values[TAP], wanted[0])
    assert torch.equal(times.float(), wanted_times)


@pytest.mark.parametrize("python", [HERE, THERE])
@pytest.mark.parametrize("function", ["get_scene_embeddings", "get_timestamp_embeddings"])
def test_a_module_that_draws_at_each_call_is_refused(hear_module, function, python):
    draws = f"""
asked = {function}
def {function}(audio, model):
    found = asked(audio, model)
    noise = lambda values: values + torch.randn(values.shape)
    return (noise(found[0]), found[1]) if isinstance(found, tuple) else noise(found)
"""
    name = hear_module(TORCH + draws)
    with pytest.raises(ValueError, match="fake_hear: get_.*_embeddings returned other embeddings when asked again"):
        build(f"hear:{name}", python)


def test_numbers_that_are_not_finite_are_named_before_any_file_is_read(hear_module):
    name = hear_module(TORCH + BROKEN)
    with pytest.raises(ValueError, match="get_scene_embeddings returned embeddings that are not finite"):
        build(f"hear:{name}")


BROKEN = """
def load_model(path=""):
    return Model(float("nan"), "")
"""


def test_a_module_that_works_in_place_is_asked_about_the_same_sound_twice(hear_module):
    plain = build("hear:" + hear_module(TORCH))
    first = TORCH.replace("def get_scene_embeddings(", "def unchanged(")
    changes = (
        "\ndef get_scene_embeddings(audio, model):\n    found = unchanged(audio.clone(), model)\n    audio.zero_()\n"
    )
    embedder = build("hear:" + hear_module(first + changes + "    return found\n", "in_place"))
    assert embedder.facts.sketch == plain.facts.sketch
