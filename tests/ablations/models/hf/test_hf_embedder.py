"""Encoders of the library transformers against the library called directly."""

import pytest
import torch

from passt.windows.waveforms import reflect_pad
from tests.ablations.models.hf.direct import Direct, sound
from tests.ablations.models.hf.tiny import KINDS
from tests.lookahead import check_against_cutting_by_hand, check_that_the_future_is_not_seen
from tests.reference_values import divided

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
FRAMED = ["wav2vec2", "wavlm", "sew", "wav2vec2_bert", "whisper", "moonshine"]
HOPS = {"wav2vec2": 320, "wavlm": 320, "sew": 640, "wav2vec2_bert": 320, "whisper": 320, "moonshine": 384}
FIRST = {"wav2vec2": 200, "wavlm": 200, "sew": 360, "wav2vec2_bert": 280, "whisper": 160, "moonshine": 447.5}


@pytest.fixture
def direct(folder_of):
    return lambda kind: Direct(kind, folder_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_level_is_the_librarys_alone_and_in_a_batch(kind, embedder_of, direct):
    embedder, library = embedder_of(kind), direct(kind)
    rate = embedder.sample_rate
    assert rate == library.rate == (48000 if kind.startswith("clap") else 16000)
    clips = [sound(rate, 1), sound(10 * rate, 4), sound(int(2.3 * rate) + 77, 2), sound(rate, 3)]
    levels = embedder.known.card.levels
    taps = [(level, None) for level in levels]
    together = embedder.scene(clips, taps)
    for number, clip in enumerate(clips):
        wanted = library.levels(clip)
        assert set(wanted) == set(levels)
        alone = embedder.scene([clip], taps)
        for tap in taps:
            torch.testing.assert_close(together[tap][number], wanted[tap[0]], **CLOSE)
            torch.testing.assert_close(alone[tap][0], wanted[tap[0]], **CLOSE)


@pytest.mark.parametrize("kind", ["hubert", "whisper", "ast", "clap"])
def test_windows_are_cut_and_embedded_one_by_one(kind, embedder_of, direct):
    embedder, library = embedder_of(kind), direct(kind)
    rate, clip = embedder.sample_rate, sound(embedder.sample_rate // 2, 6)
    window = rate * 160 // 1000
    ((values, times),) = embedder.timestamps([clip], [("block1", 160)], 200)
    assert times.tolist() == [0.0, 200.0, 400.0]
    padded = reflect_pad(clip[None], window // 2, window - window // 2)[0]
    for step, ms in enumerate((0, 200, 400)):
        cut = padded[rate * ms // 1000 :][:window].clone()
        torch.testing.assert_close(values["block1", 160][step], library.levels(cut)["block1"], **CLOSE)


@pytest.mark.parametrize("kind", FRAMED)
def test_frames_of_the_whole_clip_are_read_at_the_timestamps(kind, embedder_of, direct):
    embedder, library = embedder_of(kind), direct(kind)
    clips = [sound(16000, 7), sound(21000, 8)]
    read = embedder.timestamps(clips, [("block1", None), ("block1", 400)], 50)
    for clip, (values, times) in zip(clips, read, strict=True):
        hidden = library.hidden(clip)[1]
        frames = [min(max(0, round((ms * 16 - FIRST[kind]) / HOPS[kind])), len(hidden) - 1) for ms in times.tolist()]
        assert len(set(frames)) > 15
        torch.testing.assert_close(values["block1", None], hidden[frames], **CLOSE)
        assert values["block1", 400].shape == values["block1", None].shape


def test_the_time_between_frames_is_on_the_card(embedder_of):
    for kind, hop in HOPS.items():
        assert embedder_of(kind).known.frame_ms == hop / 16
    assert embedder_of("ast").known.frame_ms == 100


def test_patches_are_read_at_the_timestamps(embedder_of, direct):
    clip = sound(3 * 16000, 9)
    ((values, times),) = embedder_of("ast").timestamps([clip], [("block2", None), ("block2.max", None)], 100)
    hidden = direct("ast").hidden(clip)[2].unflatten(0, (12, -1))
    columns = [min(max(0, round((ms * 16 - 1400) / 1600)), 29) for ms in times.tolist()]
    torch.testing.assert_close(values["block2", None], hidden.mean(0)[columns], **CLOSE)
    torch.testing.assert_close(values["block2.max", None], hidden.amax(0)[columns], **CLOSE)


def test_a_clip_beyond_the_model_is_read_in_excerpts_that_overlap(embedder_of, direct):
    embedder, library = embedder_of("ast"), direct("ast")
    longest = embedder._samples(embedder.max_window_ms)
    clip = sound(2 * longest, 10)
    ((values, times),) = embedder.timestamps([clip], [("block1", None)], 1000)
    for begin, ms in ((0, 3000), (longest // 2, 10000), (longest, 19000)):
        hidden = library.hidden(clip[begin : begin + longest].clone())[1].unflatten(0, (12, -1)).mean(0)
        column = round((ms * 16 - begin - 1400) / 1600)
        torch.testing.assert_close(values["block1", None][times.tolist().index(ms)], hidden[column], **CLOSE)


def test_logits_are_not_squashed(embedder_of, direct):
    clip = sound(16000, 11)
    library = direct("ast")
    with torch.no_grad():
        library.model.classifier.dense.weight *= 1000
    embedder = embedder_of("ast")
    embedder.network.whole.classifier.dense.weight.mul_(1000)
    try:
        logits = embedder.scene([clip], [("logits", None)])["logits", None][0]
    finally:
        embedder.network.whole.classifier.dense.weight.div_(1000)
    torch.testing.assert_close(logits, library.levels(clip)["logits"], **CLOSE)
    assert logits.max() > 1
    assert logits.min() < 0
    assert embedder.labels == tuple(f"LABEL_{number}" for number in range(7))


@pytest.mark.parametrize(("kind", "bands"), [("wav2vec2", 1), ("wav2vec2_bert", 1), ("whisper", 1), ("ast", 12)])
def test_tokens_are_those_of_a_window_side_by_side(kind, bands, embedder_of, direct):
    embedder, library = embedder_of(kind), direct(kind)
    window, level = sound(16000 * 300 // 1000, 12), "block1.tokens"
    own = library.hidden(window)[1].unflatten(0, (bands, -1))
    rows, columns = embedder.grid(level, 300)
    assert (rows, columns) == (bands, min(8, own.shape[1]))
    assert embedder.dims[level] * embedder.tokens((level, 300)) == rows * columns * 32
    kept = divided(own, columns, 1)
    values = embedder.scene([window], [(level, 300), ("block1", 300)])
    torch.testing.assert_close(values[level, 300][0], kept.flatten(), **CLOSE)
    ((steps, _),) = embedder.timestamps([sound(16000)], [(level, 300)], 100)
    assert steps[level, 300].shape == (11, rows * columns * 32)


def test_tokens_have_names_where_there_are_frames(embedder_of):
    assert embedder_of("ast").known.card.token_levels == ("block0.tokens", "block1.tokens", "block2.tokens")
    assert embedder_of("clap").known.card.token_levels == ()


def test_one_vector_for_a_window_has_no_frames(embedder_of):
    for kind, level in (
        ("ast", "features"),
        ("ast", "logits"),
        ("ast", "block1.cls"),
        ("ast", "block1.tokens"),
        ("clap", "block1"),
    ):
        with pytest.raises(ValueError, match=f"{level} has no frames to read: ask for windows, such as w640"):
            embedder_of(kind).timestamps([sound(48000)], [(level, None)], 50)


@pytest.mark.usefixtures("_float64_by_default")
def test_random_values_come_from_the_seed_alone(folder_of):
    from ablations.models import registry

    built = [
        registry.build(registry.resolve(f"hf:{folder_of('hubert')}@untrained-{n}"), device="cpu") for n in (3, 3, 4)
    ]
    assert built[0].fingerprint == built[1].fingerprint != built[2].fingerprint
    values = [embedder.scene([sound(16000)], [("features", 160)])["features", 160] for embedder in built[:2]]
    assert torch.equal(*values)
    assert values[0].dtype == torch.float32


@pytest.mark.parametrize("kind", ["hubert", "whisper", "ast"])
def test_windows_with_a_look_ahead_are_cut_and_embedded_one_by_one(kind, embedder_of):
    embedder = embedder_of(kind)
    taps = [("block1", 160), ("block2.tokens", 160)]
    check_against_cutting_by_hand(embedder, taps, 40, 1e-5, seconds=0.15)
    check_that_the_future_is_not_seen(embedder, taps, 0, seconds=0.6)


def test_frames_of_the_whole_clip_have_no_look_ahead(embedder_of):
    embedder = embedder_of("hubert")
    with pytest.raises(ValueError, match="lookahead_ms must be None for block1, which takes no window"):
        embedder.timestamps([sound(16000, 7)], [("block1", None)], 50, 0)
