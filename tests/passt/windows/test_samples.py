"""What a user hands over as sound: converted to the numbers of float32 in [-1, 1], or refused in one line."""

import logging

import numpy as np
import pytest
import torch

from passt import EmbeddingSpec, PasstEmbedder, hear
from passt.windows import samples
from passt.windows.samples import batch, clips_of, differentiable, equally_long
from tests.reference_values import clip

DEMO = "passt_demo@features@w160@demo"


@pytest.fixture(scope="module")
def embedder():
    return PasstEmbedder(EmbeddingSpec.parse(DEMO), device="cpu")


@pytest.fixture
def audio():
    return torch.stack([clip(0.3, 1), clip(0.3, 2)])


def int16(audio):
    return (audio * 32768).round().clamp(-32768, 32767).to(torch.int16)


@pytest.mark.parametrize(
    "given",
    [
        lambda a: a.double(),
        lambda a: a.numpy(),
        lambda a: a.numpy().astype(">f4"),
        lambda a: a.numpy()[:, ::-1].copy()[:, ::-1],
        lambda a: torch.stack([a, a], -1)[..., 0],
        lambda a: a.clone().requires_grad_(),
        lambda a: [a[0], a[1].numpy()],
        lambda a: a.double().tolist(),
        lambda a: tuple(a),
    ],
    ids=["float64", "numpy", "big-endian", "negative strides", "strided", "gradient", "list", "nested list", "tuple"],
)
def test_every_form_of_the_same_samples_gives_the_same_numbers(embedder, audio, given):
    assert torch.equal(embedder.scene_embedding(given(audio)), embedder.scene_embedding(audio))
    assert torch.equal(embedder.timestamp_embedding(given(audio))[0], embedder.timestamp_embedding(audio)[0])


def test_gradients_reach_clips_only_where_it_is_asked_for(embedder, audio):
    """And only from a network that computes under autograd."""
    samples = audio.clone().requires_grad_()
    parameter = next(iter(embedder.net.parameters()))
    parameter.requires_grad_(True)
    try:
        parameter_alone = embedder.timestamp_embedding(samples)[0]
        with differentiable():
            values = embedder.timestamp_embedding(samples)[0]
        (gradient,) = torch.autograd.grad(values[1, 3].sum(), samples)
    finally:
        parameter.requires_grad_(False)
    assert torch.allclose(values, parameter_alone)
    with pytest.raises(RuntimeError, match="appears to not have been used"):
        torch.autograd.grad(parameter_alone.sum(), samples)
    center, half = 3 * 1600, 2560  # of a window of 160 ms
    assert not gradient[0].any()
    assert not gradient[1, : center - half].any()
    assert not gradient[1, center + half :].any()
    assert gradient[1, center - half : center + half].count_nonzero() > 2 * half - 100
    assert not embedder.timestamp_embedding(samples)[0].requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype):
    rounded = clip(0.1, 1).to(dtype)
    (found,) = clips_of([rounded])
    assert found.dtype == torch.float32
    assert torch.equal(found, rounded.float())


def test_16_bit_integers_are_divided_by_their_full_scale_which_is_said_once(embedder, audio, caplog):
    samples._warn_once.cache_clear()
    model = hear.HearModel(embedder)
    with caplog.at_level(logging.WARNING):
        found = [embedder.scene_embedding(int16(audio)), embedder.scene_embedding(int16(audio).numpy())]
        found.append(hear.get_scene_embeddings(int16(audio), model))
    wanted = embedder.scene_embedding(int16(audio).float() / 32768)
    assert all(torch.equal(values, wanted) for values in found)
    assert caplog.text.count("samples of int16 are divided by 32768") == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda a: int16(a).int(), "clip 0 must be of floats in [-1, 1] or of int16, got torch.int32; divide integers"),
        (lambda a: int16(a).numpy().astype("u2"), "got torch.uint16; divide integers by their full scale"),
        (lambda a: int16(a).tolist(), "got torch.int64"),
        (lambda a: a > 0, "got torch.bool"),
        (lambda a: a.to(torch.complex64), "got torch.complex64"),
        (lambda a: int16(a).float(), "expected [-1, 1]; divide integers by their full scale (16 bits: 32768)"),
        (lambda a: a.index_fill(1, torch.tensor(7), torch.nan), "clip 0 holds NaN or infinite samples"),
        (lambda a: torch.stack([a[0], a[1] / 0]), "clip 1 holds NaN or infinite samples"),
        (lambda a: a[0], "audio must be (clips, samples), got shape (9600,); one clip is audio[None]"),
        (lambda a: a[:, None], "got shape (2, 1, 9600); mix channels down"),
        (lambda a: a[:, :0], "neither 0, got shape (2, 0)"),
        (lambda a: a[:0], "neither 0, got shape (0, 9600)"),
        (lambda a: [], "at least one clip is needed, got none"),
        (lambda a: [a[0], a[1][:0]], "clip 1 must be 1-d with at least one sample, got shape (0,)"),
        (lambda a: ["a.wav", "b.wav"], "clip 0 must be a tensor, an array or a list of samples"),
        (lambda a: "a.wav", "a tensor, an array or a list of clips, got str"),
        (lambda a: None, "got NoneType"),
        (lambda a: a.to("meta"), "got tensors on the device meta"),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(embedder, audio, given, message):
    model = hear.HearModel(embedder)
    for function in (
        embedder.scene_embedding,
        embedder.timestamp_embedding,
        lambda a: hear.get_scene_embeddings(a, model),
        lambda a: hear.get_timestamp_embeddings(a, model),
    ):
        with pytest.raises(ValueError) as error:  # noqa: PT011
            function(given(audio))
        assert message in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_that_come_last_are_no_clips(embedder, channels):
    stereo = torch.zeros(32000, channels)
    for function in (embedder.scene_embedding, embedder.timestamp_embedding):
        for form in (stereo, stereo.numpy()):
            with pytest.raises(ValueError, match=r"expected \(clips, samples\), got \(32000, .\)"):
                function(form)
    with pytest.raises(ValueError, match=r"expected \(clips, samples\), got \(200, .\)"):
        embedder.scene(list(stereo[:200]), [("features", None)])


def test_many_short_clips_are_clips():
    assert len(clips_of(batch(torch.zeros(1000, 33)))) == 1000
    assert len(clips_of(batch(torch.zeros(64, 1)))) == 64


@pytest.mark.parametrize(("peak", "warnings"), [(1.0, 0), (1.9, 0), (4.0, 1)])
def test_samples_a_little_beyond_full_scale_are_taken(caplog, peak, warnings):
    samples._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            (found,) = clips_of([torch.tensor([0.0, -peak])])
    assert found.tolist() == [0.0, -np.float32(peak)]
    assert caplog.text.count("beyond [-1, 1]") == warnings


def test_clips_of_several_lengths_have_scenes_but_no_common_timestamps(embedder, audio):
    unequal = [audio[0], audio[1, :8000]]
    assert embedder.scene_embedding(unequal).shape == (2, 192)
    with pytest.raises(ValueError, match="clips must be of one length .* got 8000 to 9600 samples"):
        equally_long(unequal)


@pytest.mark.usefixtures("_float64_by_default")
def test_the_numbers_do_not_depend_on_torchs_default_dtype(embedder, audio):
    twin = PasstEmbedder(EmbeddingSpec.parse(DEMO), device="cpu")
    assert torch.equal(twin.scene_embedding(audio), embedder.scene_embedding(audio))
    values, times = twin.timestamp_embedding(audio)
    assert (values.dtype, times.dtype) == (torch.float32, torch.float32)
    assert twin.fingerprint == embedder.fingerprint
    untrained = EmbeddingSpec("passt_demo", weights="untrained-0")
    assert {tensor.dtype for tensor in PasstEmbedder(untrained, device="cpu").net.state_dict().values()} == {
        torch.float32
    }


def test_the_numbers_do_not_depend_on_torchs_default_device(embedder, audio):
    wanted = embedder.timestamp_embedding(audio)
    with torch.device("meta"):
        found = embedder.timestamp_embedding(audio)
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))
