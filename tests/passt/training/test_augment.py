"""What each augmentation does and what it leaves alone."""

import pytest
import torch

from passt.training.data.augment import MASKED, Augmentations, Mix, _gathered, _rolled, changed, masked
from passt.training.data.streams import stream
from passt.windows.mel import FMAX, FMIN, MelSpectrogram, mel_bands
from tests.passt.training.toy import PLAIN

CLIPS = 400


def only(**changes) -> Augmentations:
    return Augmentations(**{**PLAIN, **changes})


def waves(augmentations, audio, generator):
    return changed(audio, *augmentations.wave_changes(len(audio), generator))


def hidden(augmentations, mel, generator):
    return masked(mel, *augmentations.masks(len(mel), tuple(mel.shape[1:]), generator))


@pytest.fixture(scope="module")
def audio():
    return 0.1 * torch.randn(CLIPS, 600, generator=stream("audio"))


def test_nothing_is_nothing(audio):
    none = only()
    assert waves(none, audio, stream(0)) is audio
    assert none.wave_mix(4, stream(0)) is None
    assert none.mel_mix(4, stream(0)) is None
    assert none.bands(stream(0)) is None
    assert torch.equal(hidden(none, audio[None], stream(0)), audio[None])


def test_gain_is_a_whole_number_of_decibels_a_clip(audio):
    found = waves(only(gain_db=7), audio, stream(0))
    ratio = found / audio
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-4)
    decibels = 20 * torch.log10(ratio.median(dim=1).values)
    assert torch.allclose(decibels, decibels.round(), atol=1e-3)
    assert set(decibels.round().int().tolist()) == set(range(-7, 7))


def test_rolling_moves_each_clip_by_a_number_of_its_own(audio):
    found = waves(only(roll_samples=3), audio, stream(0))
    shifts = []
    for clip, moved in zip(audio, found, strict=True):
        (shift,) = [s for s in range(-3, 4) if torch.equal(clip.roll(s), moved)]
        shifts.append(shift)
    assert set(shifts) == set(range(-3, 4))


def test_rolling_is_the_same_by_an_index(audio):
    shift = torch.arange(CLIPS) - 200
    assert torch.equal(_gathered(audio, shift), _rolled(audio, shift))


def test_mixed_waves_are_two_clips_without_their_means_and_labels_go_along(audio):
    labels = torch.eye(CLIPS)
    mix = only(mixup_alpha=2.0, mixup_rate=0.5).wave_mix(CLIPS, stream(0))
    found, mixed = mix.of_waves(audio + 0.3), mix.of(labels)
    alone = mix.share == 1
    assert 0.4 < alone.float().mean() < 0.6
    assert torch.equal(found[alone], (audio + 0.3)[alone])
    centered = audio - audio.mean(dim=1, keepdim=True)
    wanted = mix.share[:, None] * centered + (1 - mix.share[:, None]) * centered[mix.partner]
    assert torch.allclose(found[~alone], wanted[~alone], atol=1e-6)
    assert torch.allclose(mixed.sum(dim=1), torch.ones(CLIPS))
    for clip in range(20):
        if mix.partner[clip] != clip:
            assert mixed[clip, clip] == mix.share[clip]
            assert mixed[clip, mix.partner[clip]] == pytest.approx(1 - float(mix.share[clip]))


def test_shares_are_the_larger_part_of_a_beta():
    shares = Mix.drawn(20000, 2.0, stream(0)).share
    assert shares.min() >= 0.5
    assert float(shares.mean()) == pytest.approx(0.5 + 3 / 16, abs=0.005)  # 6x(1-x): E|x - 1/2| = 3/16
    assert Mix.drawn(20000, 0.3, stream(0)).share.mean() > 0.8


def test_mixing_keeps_the_order_of_a_partner():
    partner = Mix.drawn(50, 1.0, stream(4)).partner
    assert sorted(partner.tolist()) == list(range(50))


def test_masks_are_one_a_clip_and_axis_no_wider_than_allowed():
    mel = torch.randn(CLIPS, 128, 100, generator=stream("mel"))
    found = hidden(only(frequency_mask=48, time_mask=30), mel, stream(0))
    covered = found != mel
    assert torch.equal(found[covered], torch.full_like(found[covered], MASKED))
    rows, columns = covered.all(dim=2), covered.all(dim=1)
    assert torch.equal(covered, rows[:, :, None] | columns[:, None, :])
    for masks, widest in ((rows, 48), (columns, 30)):
        widths = masks.sum(dim=1)
        assert widths.max() < widest
        assert widths.float().mean() == pytest.approx(widest / 2, rel=0.1)
        edges = masks.int().diff(dim=1).abs().sum(dim=1)
        assert (edges <= 2).all()
    assert hidden(only(time_mask=500), mel, stream(0)).isfinite().all()


def test_a_mask_is_a_log_mel_of_0():
    power_of_one = torch.ones(1).log()
    assert pytest.approx(float((power_of_one + 4.5) / 5)) == MASKED


def test_jittered_bands_begin_and_end_elsewhere():
    found = [only(fmin_jitter=10, fmax_jitter=2000).bands(stream(i)) for i in range(30)]
    assert len({tuple(bands.sum(dim=1).tolist()) for bands in found}) == 30
    tops = [int(bands[-1].nonzero().max()) * 31.25 for bands in found]
    assert min(tops) < FMAX - 500
    assert max(tops) > FMAX + 500
    assert max(tops) <= 16000
    assert torch.equal(only(fmin_jitter=1).bands(stream(0)), mel_bands(FMIN, FMAX))


def test_given_bands_take_the_place_of_the_fixed_ones(audio):
    front_end = MelSpectrogram(320)
    sound = audio.flatten()[:6000]
    assert torch.equal(front_end(sound, front_end.bands), front_end(sound))
    assert not torch.allclose(front_end(sound, mel_bands(5, 14000)), front_end(sound))


def test_the_same_stream_does_the_same(audio):
    every = Augmentations()
    assert torch.equal(waves(every, audio, stream(3)), waves(every, audio, stream(3)))
    assert not torch.equal(waves(every, audio, stream(3)), waves(every, audio, stream(4)))
