"""What conditions do to sound, measured on the result."""

import numpy as np
import pytest
import soxr

from downstream.tasks.conditions import noise
from downstream.tasks.conditions.change import Notes, changed
from downstream.tasks.conditions.condition import Conditions
from downstream.tasks.conditions.power import active_power
from downstream.tasks.conditions.room import response
from downstream.tasks.conditions.tally import Tally

RATES = (8000, 22050, 48000)


def speech_like(rate: int, seconds: float = 2.0) -> np.ndarray:
    """Half a clip of tones, then a pause."""
    times = np.arange(int(seconds * rate)) / rate
    sound = 0.1 * np.sin(2 * np.pi * 440 * times) + 0.05 * np.sin(2 * np.pi * 1310 * times)
    return np.where(times < seconds / 2, sound, 0).astype(np.float32)


def under(text: str, sound: np.ndarray, rate: int, name: str = "test/a.wav") -> tuple[np.ndarray, Notes]:
    return changed(sound, rate, Conditions.parse(text).chain, name)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("snr", [-5, 0, 10, 20])
def test_the_ratio_is_what_was_asked_for(rate, snr):
    sound = speech_like(rate)
    noisy, notes = under(f"+snr{snr}", sound, rate)
    added = noisy.astype(float) - sound
    signal = np.mean(np.square(sound[: len(sound) // 2], dtype=float))  # the pause is not part of it
    assert abs(10 * np.log10(signal / np.mean(added**2)) - snr) < 0.1
    assert notes == Notes()
    assert noisy.dtype == np.float32
    assert len(noisy) == len(sound)


def test_a_mixture_beyond_full_scale_is_turned_down_as_a_whole():
    sound = 9 * speech_like(8000)
    noisy, notes = under("+snr0", sound, 8000)
    quiet, _ = under("+snr0", sound / 9, 8000)
    assert notes.turned_down_db > 1
    assert np.abs(noisy).max() == pytest.approx(1, abs=1e-6)
    gain = 10 ** (-notes.turned_down_db / 20)
    np.testing.assert_allclose(noisy, 9 * quiet.astype(float) * gain, atol=1e-5)  # so the ratio is as asked for


def test_active_power_leaves_out_pauses():
    sound = speech_like(16000)
    half = np.mean(np.square(sound[:16000], dtype=float))
    assert active_power(sound, 16000) == pytest.approx(half, rel=0.01)
    assert active_power(sound + np.float32(0.2), 16000) == pytest.approx(active_power(sound, 16000), rel=0.05)
    assert active_power(np.full(100, 0.3, np.float32), 16000) == 0 == active_power(np.zeros(0, np.float32), 16000)


def test_the_same_clip_gets_the_same_sound_and_others_get_others():
    sound = speech_like(16000)
    first, _ = under("+reverb0.3+snr10", sound, 16000)
    assert np.array_equal(first, under("+reverb0.3+snr10", sound, 16000)[0])
    assert not np.array_equal(first, under("+reverb0.3+snr10", sound, 16000, "test/b.wav")[0])
    assert not np.array_equal(first, under("+snr10+reverb0.3", sound, 16000)[0])


def test_one_noise_at_every_ratio():
    sound = speech_like(16000)
    loud, soft = (under(f"+snr{snr}", sound, 16000)[0].astype(float) - sound for snr in (0, 20))
    np.testing.assert_allclose(loud, 10 * soft, atol=1e-5)


def test_noise_is_pink():
    sound = noise.colored(16000 * 8, 16000, noise.stream("a"))
    power = np.abs(np.fft.rfft(sound)) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / 16000)
    octaves = [power[(frequencies >= low) & (frequencies < 2 * low)].sum() for low in (100, 400, 1600, 3200)]
    assert max(octaves) / min(octaves) < 1.05
    assert power[frequencies < 19].sum() < 1e-3 * power.sum()


def test_noise_is_the_same_at_other_rates_below_half_of_them():
    high, low = (noise.colored(2 * rate + odd, rate, noise.stream("a")) for rate, odd in ((48000, 1), (16000, 0)))
    below = soxr.resample(high, 48000, 16000, quality="VHQ")[: len(low)]
    assert np.corrcoef(below[800:-800], low[800:-800])[0, 1] > 0.99


def test_a_room_is_the_same_at_other_rates_below_half_of_them():
    high, low = (response(0.4, rate, noise.stream("a")) for rate in (48000, 16000))
    spectra = [np.fft.rfft(of, rate)[200:6000] for of, rate in ((high, 48000), (low, 16000))]
    cosine = np.abs(np.vdot(*spectra)) / np.prod([np.linalg.norm(of) for of in spectra])
    assert cosine > 0.99


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("rt60", [0.2, 0.5, 2.0])
def test_a_room_decays_as_asked(rate, rt60):
    """Schroeder's backward integration, between 5 and 35 dB below the beginning."""
    click = np.zeros(int(2.5 * rate), np.float32)
    click[0] = 1
    tail = under(f"+reverb{rt60}", click, rate)[0].astype(float)[1:]
    decay = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2) + 1e-30)
    part = (decay < -5) & (decay > -35)
    slope = np.polyfit(np.arange(len(tail))[part] / rate, decay[part], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.05)
    whole = response(rt60, rate, noise.stream("reverb", "test/a.wav"))
    assert whole[0] ** 2 == pytest.approx(np.sum(whole[1:] ** 2)) == pytest.approx(0.5)


def test_a_room_moves_nothing_and_keeps_the_length():
    click = np.zeros(8000, np.float32)
    click[4000] = 0.5
    wet, _ = under("+reverb0.5", click, 16000)
    assert len(wet) == 8000
    assert not np.abs(wet[:3999]).max() > 1e-6
    assert np.abs(wet).argmax() == 4000


def test_gain_is_exact_and_clips_as_a_converter_does():
    sound = speech_like(16000)
    quiet, notes = under("+gain-20", sound, 16000)
    np.testing.assert_allclose(quiet, sound / 10, rtol=1e-6)
    assert notes == Notes()
    loud, notes = under("+gain40", sound, 16000)
    np.testing.assert_allclose(loud, np.clip(100.0 * sound, -1, 1), rtol=1e-6)
    assert notes.clipped == np.count_nonzero(np.abs(100.0 * sound) > 1) > 0


@pytest.mark.parametrize("rate", RATES)
def test_a_band_limits_energy(rate):
    white = np.random.default_rng(0).uniform(-0.3, 0.3, 2 * rate).astype(np.float32)
    limited, _ = under("+band1000", white, rate)
    before, after = (np.abs(np.fft.rfft(of * np.hanning(len(of)))) ** 2 for of in (white, limited))
    frequencies = np.fft.rfftfreq(len(white), 1 / rate)
    above, below = frequencies > 1010, (frequencies > 50) & (frequencies < 890)
    assert after[above].sum() < 1e-7 * before[above].sum()
    assert after[below].sum() == pytest.approx(before[below].sum(), rel=1e-3)
    click = np.zeros(rate, np.float32)
    click[rate // 2] = 1
    assert np.abs(under("+band1000", click, rate)[0]).argmax() == rate // 2  # moves nothing in time


def test_a_band_at_or_above_half_the_rate_changes_nothing():
    sound = speech_like(8000)
    assert np.array_equal(under("+band4000", sound, 8000)[0], sound)


@pytest.mark.parametrize("silence", [np.zeros(800, np.float32), np.zeros(0, np.float32), np.full(7, 0.5, np.float32)])
def test_silence_gets_no_noise(silence):
    sound, notes = under("+snr10", silence, 16000)
    assert np.array_equal(sound, silence)
    assert notes == Notes(silent=True)


@pytest.mark.parametrize("samples", [1, 2, 100])
@pytest.mark.parametrize("text", ["+reverb0.5+band1000+gain3", "+snr10+reverb10"])
def test_the_shortest_clips(samples, text):
    sound = np.linspace(-0.5, 0.4, samples, dtype=np.float32)
    result, _ = under(text, sound, 16000)
    assert result.shape == (samples,)
    assert np.isfinite(result).all()


def test_what_became_of_clips_is_counted_once_a_clip():
    tally = Tally()
    for _ in range(2):
        tally.add("a", Notes(silent=True))
        tally.add("b", Notes(clipped=7))
        tally.add("c", Notes(turned_down_db=2.5))
        tally.add("d", Notes())
    silent, clipped, down = tally.lines()
    assert silent.startswith("1 of 4 changed clips are silent")
    assert clipped == "1 of 4 changed clips are clipped at full scale by their gain, 7 samples at most"
    assert "turned down as a whole, by 2.5 dB at most" in down
    assert Tally().lines() == []
