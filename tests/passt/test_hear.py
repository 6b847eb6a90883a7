"""The HEAR common API: what hear-validator 2021.0.2 checks, and that the values are the embedder's."""

import inspect
import re

import pytest
import torch
from torch import nn

from passt import EmbeddingSpec, PasstEmbedder, hear
from passt.catalog import checkpoints
from passt.weights import load
from tests.reference_values import clip

LIGHT = "passt_l_kd_p16_128_ap47"  # 7 blocks, the smallest
SPEC = f"{LIGHT}@logits+block2+mel@w160+320@untrained-0"
SIZES = {"scene": 527 + 768, "timestamp": 2 * (527 + 768) + 6 * 128}


@pytest.fixture(scope="module")
def model():
    return hear.load_model(spec=SPEC, device="cpu")


@pytest.fixture(scope="module")
def audio():
    return torch.stack([clip(0.4, 1), clip(0.4, 2)])


def test_the_model_has_what_tools_ask_of_it(model):
    assert isinstance(model, nn.Module)
    assert model.to("cpu") is model
    assert (model.sample_rate, model.scene_embedding_size, model.timestamp_embedding_size) == (32000, *SIZES.values())
    for name in ("sample_rate", "scene_embedding_size", "timestamp_embedding_size"):
        assert type(getattr(model, name)) is int
    assert not model.train().training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_scene_embeddings(model, audio):
    found = hear.get_scene_embeddings(audio, model)
    assert (found.shape, found.dtype) == ((2, SIZES["scene"]), torch.float32)
    assert torch.equal(found, PasstEmbedder(EmbeddingSpec.parse(SPEC), device="cpu").scene_embedding(audio))


def test_timestamp_embeddings(model, audio):
    found, times = hear.get_timestamp_embeddings(audio, model)
    assert (found.shape, found.dtype) == ((2, 9, SIZES["timestamp"]), torch.float32)
    assert (times.shape, times.dtype) == (found.shape[:2], torch.float32)
    assert times.tolist() == 2 * [[50.0 * step for step in range(9)]]
    values, _ = PasstEmbedder(EmbeddingSpec.parse(SPEC), device="cpu").timestamp_embedding(audio)
    assert torch.equal(found, values)


def test_a_name_is_a_spec_and_a_file_is_its_weights(tmp_path, audio):
    state = load.untrained(checkpoints.get("passt_s_swa_p16_128_ap476"), seed=1)
    torch.save(state, tmp_path / "weights.pt")
    model = hear.load_model(str(tmp_path / "weights.pt"), device="cpu")
    assert model.embedder.spec.weights == load.file_tag(tmp_path / "weights.pt")
    assert model.embedder.spec.levels == ("logits", "features")
    assert (model.scene_embedding_size, model.timestamp_embedding_size) == (1295, 1295)


def test_without_weights_nothing_is_invented():
    with pytest.raises(FileNotFoundError, match="passt_s_swa_p16_128_ap476: no published weights at"):
        hear.load_model()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spec": "2levle-mel"}, "spec: unknown name '2levle-mel' (did you mean '2level-mel'"),
        ({"spec": "logmel"}, "spec: unknown name 'logmel'"),
        ({"spec": f"{LIGHT}@block9@untrained-0"}, f"{LIGHT}: unknown level 'block9'"),
        ({"spec": f"{LIGHT}@untrained-0", "precision": "fp8"}, "precision must be one of"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        hear.load_model(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(32000), "audio must be (clips, samples), got shape (32000,); one clip is audio[None]"),
        (torch.zeros(2, 1, 32000), "got shape (2, 1, 32000)"),
        (torch.zeros(0, 32000), "got shape (0, 32000)"),
        (torch.zeros(2, 0), "got shape (2, 0)"),
        (torch.zeros(2, 32000, dtype=torch.int32), "must be of floats in [-1, 1] or of int16, got torch.int32"),
        ("clip.wav", "audio must be (clips, samples), a tensor, an array or a list of clips, got str"),
    ],
)
def test_wrong_audio_is_named(model, wrong, message):
    for function in (hear.get_scene_embeddings, hear.get_timestamp_embeddings):
        with pytest.raises(ValueError, match=re.escape(message)):
            function(wrong, model)


def test_mel_alone_has_no_scene_embedding(audio):
    model = hear.load_model(spec=f"{LIGHT}@mel@untrained-0", device="cpu")
    assert (model.scene_embedding_size, model.timestamp_embedding_size) == (0, 768)
    assert hear.get_timestamp_embeddings(audio, model)[0].shape == (2, 9, 768)
    with pytest.raises(ValueError, match="has no scene embedding, its only level is mel"):
        hear.get_scene_embeddings(audio, model)


def test_numbers_keep_their_precision(model, audio):
    before = hear.get_scene_embeddings(audio, model)
    with pytest.raises(ValueError, match=re.escape("numbers stay fp32, got a change to torch.float16")):
        model.half()
    assert torch.equal(hear.get_scene_embeddings(audio, model), before)


def test_the_embedder_follows_the_module():
    model = hear.load_model(spec=f"{LIGHT}@untrained-0", device="cpu")
    model.to("meta")  # a device that every machine has
    assert model.device == model.embedder.device == torch.device("meta")
    assert model.embedder.net.cls_token.device == model.embedder.mel.window.device == torch.device("meta")


@pytest.mark.gpu
def test_the_model_moves_between_devices(cuda, audio):
    model = hear.load_model(spec=SPEC, device="cpu")
    wanted = hear.get_scene_embeddings(audio, model)
    for device in (cuda, "cpu"):
        model.to(device)
        for source in (audio, audio.to(cuda)):
            scenes = hear.get_scene_embeddings(source, model)
            values, times = hear.get_timestamp_embeddings(source, model)
            assert scenes.device.type == values.device.type == times.device.type == torch.device(device).type
            assert torch.allclose(scenes.cpu(), wanted, atol=2e-4)


def test_what_a_spec_leaves_out_is_its_checkpoints_default():
    model = hear.load_model(spec="deit_base_distilled_patch16_384@untrained-0", device="cpu")
    assert model.embedder.spec.levels == ("features",)
    assert model.scene_embedding_size == 768


DEMO = "passt_demo@features@w160@demo"


def test_the_documented_fine_tuning_learns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = hear.__doc__.partition("::\n\n")[2]
    sounds = torch.stack([clip(0.2, number) for number in range(4)])
    batches = [(sounds, torch.tensor([0, 1, 0, 1]))] * 3
    torch.manual_seed(0)
    names = {"torch": torch, "hear": hear, "batches": batches}
    exec(inspect.cleandoc(code), names)
    before, model = hear.load_model(spec=DEMO, device="cpu"), names["model"]
    assert not torch.allclose(names["embeddings"], hear.get_scene_embeddings(sounds, before), atol=1e-3)
    again = hear.load_model("tuned.pt", spec="passt_demo@features", device="cpu")
    assert torch.equal(hear.get_scene_embeddings(sounds, again), names["embeddings"])
    assert again.embedder.fingerprint == model.embedder.fingerprint != before.embedder.fingerprint
    with torch.no_grad():
        after = torch.nn.functional.cross_entropy(names["head"](names["embeddings"]), batches[0][1])
    assert after < names["loss"]


def test_training_a_frozen_model_is_said_once(caplog):
    model = hear.load_model(spec=DEMO, device="cpu")
    assert not hear.get_scene_embeddings(clip(0.2, 1)[None], model).requires_grad
    model.train()
    model.train()
    assert caplog.text.count("passt.hear: the network is frozen; requires_grad_(True) lets an optimizer train it") == 1
    model.requires_grad_(True).train()
    assert not model.training
    assert hear.get_scene_embeddings(clip(0.2, 1)[None], model).requires_grad


def test_a_state_dict_and_another_network_are_the_embedders(audio):
    model, other = (
        hear.load_model(spec=f"passt_demo@features@w160@{kind}", device="cpu") for kind in ("demo", "untrained-7")
    )
    wanted = hear.get_scene_embeddings(audio, other)
    model.load_state_dict(other.state_dict())
    assert torch.equal(hear.get_scene_embeddings(audio, model), wanted)
    model = hear.load_model(spec=DEMO, device="cpu")
    model.net = other.net
    assert torch.equal(hear.get_scene_embeddings(audio, model), wanted)
    assert model.embedder.fingerprint == other.embedder.fingerprint
    model.embedder.net = hear.load_model(spec=DEMO, device="cpu").net
    with pytest.raises(ValueError, match=r"model.embedder.net was replaced.*: set model.net instead"):
        hear.get_scene_embeddings(audio, model)
