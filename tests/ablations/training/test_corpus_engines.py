"""How the corpus computes: against plain sums, in float64, of the same sounds."""

import numpy as np
import pytest
import torch

from ablations.training.corpus import rooms
from ablations.training.corpus.plan import room_of
from ablations.training.corpus.synthesis import engines, randomness
from ablations.training.corpus.synthesis.control import STEP, cycles, drawn_through
from ablations.training.corpus.synthesis.sounds import Filtered, Modal

RATE = 32000


def test_modal_sounds_are_sums_of_dying_sines():
    generator = torch.Generator().manual_seed(0)
    frequency = 100 + 9000 * torch.rand(3, 5, generator=generator)
    amplitude, decay = torch.rand(3, 5, generator=generator), 5 * torch.rand(3, 5, generator=generator)
    length = 65536
    time = torch.arange(length, dtype=torch.float64) / RATE
    wanted = amplitude[..., None] * torch.exp(-decay[..., None] * time)
    wanted = (wanted * torch.sin(2 * torch.pi * frequency.double()[..., None] * time)).sum(1)
    got = engines.modal(Modal(frequency, amplitude, decay, torch.ones(3, 1)), length, RATE)
    assert (got - wanted).abs().max() < 1e-4


def test_partials_that_would_alias_are_left_out():
    sound = Modal(torch.tensor([[15900.0]]), torch.ones(1, 1), torch.zeros(1, 1), torch.ones(1, 1))
    assert engines.modal(sound, 1024, RATE).abs().max() == 0


def test_contours_are_linear_between_their_points():
    got = drawn_through(torch.tensor([[0.0, 1.0, -1.0]]))
    wanted = np.interp(np.arange(2 * STEP), [0, STEP, 2 * STEP], [0.0, 1.0, -1.0])
    assert np.abs(got[0].numpy() - wanted).max() < 1e-6


def test_phases_are_the_integral_of_the_frequency():
    points = 2000
    contour = 3000 + 2900 * torch.sin(torch.arange(points + 1) / 50)[None]
    slow = contour[0].double().numpy()
    fine = np.interp(np.arange(points * STEP * 4) / (STEP * 4), np.arange(points + 1), slow)
    middle = np.interp((np.arange(points * STEP * 4) + 0.5) / (STEP * 4), np.arange(points + 1), slow)
    wanted = np.concatenate([[0], np.cumsum(middle)[:-1]])[::4] / (RATE * 4)
    assert fine.size == wanted.size * 4
    difference = cycles(contour, RATE)[0].double().numpy() - wanted
    assert np.abs(difference - np.round(difference)).max() < 1e-4


def test_filters_that_change_nothing_give_the_source_back():
    source = torch.randn(2, 8192, generator=torch.Generator().manual_seed(0))
    assert (engines.shaped(source, torch.ones(2, 1, 513)) - source).abs().max() < 1e-5


def test_resonances_stand_where_they_are_asked_for():
    ones = torch.ones(1, 1)
    sound = Filtered(ones, 0 * ones, center=torch.full((1, 1, 1), 2000.0), width=200 * ones[None], gain=ones[None])
    gains = engines.response(sound, RATE)[0, 0]
    assert gains[0] == 0
    assert int(gains.argmax()) == 2000 * 1024 // RATE
    assert float(gains[2100 * 1024 // RATE]) == pytest.approx(0.5, abs=0.06)  # half a width away


@pytest.mark.parametrize(("frequency", "sharpness"), [(100.0, 1e5), (100.0, 2.0), (3000.0, 1e5)])
def test_pulses_have_power_one_and_do_not_alias(frequency, sharpness):
    points = 513
    contour = torch.full((1, points), frequency)
    sound = Filtered(torch.ones(1, points), torch.zeros(1, 1), frequency=contour, sharpness=torch.tensor([[sharpness]]))
    train = engines.pulses(sound, RATE)[0, :32000].double()
    assert float(train.var()) == pytest.approx(1.0, abs=0.02)
    power = torch.fft.rfft(train).abs().square()
    power[0] = 0
    harmonics = power[:: int(frequency)].sum()
    assert float(harmonics / power.sum()) > 0.999


def test_grains_are_as_dense_as_asked_and_of_power_one():
    offsets = torch.tensor([[5, 700000]])
    got = engines.grains(offsets, 1 << 19, torch.tensor([[0.01]]))[0]
    assert float((got != 0).float().mean()) == pytest.approx(0.01, rel=0.1)
    assert float(got.var()) == pytest.approx(1.0, rel=0.1)


def test_noise_is_white_and_of_power_one():
    got = randomness.noise(torch.tensor([[1, 2], [900000, 3], [1, 4]]), 1 << 17)
    assert (got.var(-1) - 1).abs().max() < 0.02
    lags = (got[:, 1:] * got[:, :-1]).mean(-1), (got[:, 7:] * got[:, :-7]).mean(-1), (got[0] * got[1]).mean()
    assert all(lag.abs().max() < 0.02 for lag in lags)


def test_stretches_do_not_depend_on_how_long_the_tables_are():
    offsets = torch.tensor([[5, 6]])
    long = randomness.noise(offsets, randomness.LONGEST + 1)
    assert torch.equal(long[:, :1000], randomness.noise(offsets, 1000))


def test_numbers_of_a_key_are_those_of_an_array_of_keys():
    keys = [randomness.key(3, number) for number in range(2000)]
    alone = [randomness.uniform(key, "a name") for key in keys]
    assert alone == randomness.uniforms(np.array(keys, dtype=np.uint64), "a name").tolist()
    counts = np.histogram(alone, 10, (0, 1))[0]
    assert ((counts - 200) ** 2 / 200).sum() < 27.9  # chi-square with 9 degrees of freedom, p = 0.001
    other = [randomness.uniform(key, "another name") for key in keys]
    assert abs(np.corrcoef(alone, other)[0, 1]) < 0.07


def reverberation(response: torch.Tensor) -> float:
    """Seconds in which it falls by 60 dB, from the fall between -5 and -25 dB (Schroeder's backward integration)."""
    left = response.double().square().flip(0).cumsum(0).flip(0)
    level = 10 * torch.log10(left / left[0])
    first, last = (int((level < limit).nonzero()[0]) for limit in (-5, -25))
    return 3 * (last - first) / RATE


def test_rooms_ring_as_long_as_their_labels_say():
    keys = [randomness.key(1, number) for number in range(60)]
    found = {"small": [], "large": []}
    for key in keys:
        name, seconds = room_of(key)
        if name in found:
            response = rooms.impulse_responses([key], RATE, torch.device("cpu"))[0]
            measured = reverberation(response[1:])  # behind the direct sound
            assert measured == pytest.approx(seconds, rel=0.2 if seconds < 1.6 / 1.2 else 0.5)
            found[name].append(measured)
    assert max(found["small"]) < 0.45
    assert min(found["large"]) > 0.8


def test_reverberation_follows_the_sound_and_dry_clips_stay():
    keys = [randomness.key(2, number) for number in range(12)]
    audio = torch.zeros(12, RATE)
    audio[:, 16000] = 1
    heard = rooms.reverberated(audio.clone(), keys, RATE)
    for row, key in enumerate(keys):
        name, _ = room_of(key)
        if name == "dry":
            assert torch.equal(heard[row], audio[row])
        else:
            assert heard[row, :16000].abs().max() < 1e-5
            assert heard[row, 16001:].abs().max() > 1e-3


def test_reverberation_is_the_convolution():
    key = next(key for key in (randomness.key(4, n) for n in range(50)) if room_of(key)[0] == "small")
    audio = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    response = rooms.impulse_responses([key], RATE, torch.device("cpu"))[0].double().numpy()
    wanted = np.convolve(audio[0].double().numpy(), response)[:4000]
    got = rooms.reverberated(audio.clone(), [key], RATE)[0].numpy()
    assert np.abs(got - wanted).max() < 1e-5 * np.abs(wanted).max()
