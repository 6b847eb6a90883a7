"""Sounds are what their labels say: measured, not compared with a recording."""

import itertools

import pytest
import torch

from ablations.training.corpus import Corpus, render_kind
from ablations.training.corpus.plan import alone
from ablations.training.corpus.vocabulary import KINDS

RATE = 32000
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LABELED_NOTES = range(40, 85)
CHORDS = {
    "major": {0, 4, 7},
    "minor": {0, 3, 7},
    "diminished": {0, 3, 6, 9},
    "augmented": {0, 4, 8},
    "suspended": {0, 5, 7},
    "seventh": {0, 4, 7, 10},
    "fifth": {0, 7},
    "cluster": {0, 1, 2, 3},
}  # semitones above the root
FORMANTS = {"a": (730, 1090), "e": (530, 1840), "i": (270, 2290), "o": (570, 840), "u": (300, 870)}
"""First two formants of men in Hz (Peterson and Barney 1952)."""
CORPUS = Corpus(seconds=2.0)


def spectrum(audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Frequencies in Hz and power."""
    power = torch.fft.rfft(audio * torch.hann_window(len(audio))).abs().square()
    return torch.arange(len(power)) * (RATE / len(audio)), power


def share(audio: torch.Tensor, low: float, high: float) -> float:
    """Of the power, between two frequencies."""
    frequency, power = spectrum(audio)
    return float(power[(frequency >= low) & (frequency < high)].sum() / power.sum())


def clips_with(kind: str, wanted, count: int):
    """The first clips of a kind whose labels fit, of 300."""
    which = [kind.labels[-1] for kind in KINDS].index(kind)
    planned = alone(which, CORPUS.seed, range(300), CORPUS.seconds)
    chosen = [number for number, labels in enumerate(planned.labels) if wanted(labels)][:count]
    assert len(chosen) == count
    return [render_kind(CORPUS, kind, number) for number in chosen]


@pytest.mark.parametrize("kind", ["tone: sine", "tone: bright", "tone: hollow", "struck: wood bar", "string: muted"])
def test_the_peak_of_a_note_is_of_its_pitch(kind):
    def one_pitch(labels):
        return sum(label.startswith("pitch class") for label in labels) == 1

    for audio, labels in clips_with(kind, one_pitch, 6):
        frequency, power = spectrum(audio)
        peak = float(frequency[power.argmax()])
        midi = round(69 + 12 * torch.log2(torch.tensor(peak / 440.0)).item())
        assert f"pitch class {PITCH_CLASSES[midi % 12]}" in labels
        if kind == "tone: sine":  # the strongest partial of others need not be the first
            notes = {label for label in labels if label.startswith("note ")}
            assert notes == ({f"note {midi}"} if midi in LABELED_NOTES else set())


def test_chords_hold_the_pitch_classes_they_are_labeled_with():
    for audio, labels in clips_with("chord", lambda labels: True, 12):
        (name,) = (label.removeprefix("chord: ") for label in labels if label.startswith("chord: "))
        notes = {PITCH_CLASSES.index(label.removeprefix("pitch class ")) for label in labels if "pitch class" in label}
        assert any(notes == {(root + step) % 12 for step in CHORDS[name]} for root in range(12))
        assert notes >= {int(label.removeprefix("note ")) % 12 for label in labels if label.startswith("note ")}
        frequency, power = spectrum(audio)
        peak = float(frequency[power.argmax()])
        assert round(69 + 12 * torch.log2(torch.tensor(peak / 440.0)).item()) % 12 in notes


@pytest.mark.parametrize(("kind", "sign"), [("sweep: slow up", 1), ("sweep: slow down", -1)])
def test_sweeps_go_where_they_are_labeled_to_go(kind, sign):
    for number in range(5):
        audio, _ = render_kind(CORPUS, kind, number)
        heights = []
        for some in audio.chunk(8)[1:-1]:  # sounds at least from 0.5 to 1.5 s
            frequency, power = spectrum(some)
            if power.sum() > 1:
                heights.append(float((frequency * power).sum() / power.sum()))
        assert len(heights) >= 3
        assert all(sign * (after - before) > 0 for before, after in itertools.pairwise(heights))


@pytest.mark.parametrize(
    ("kind", "low", "high", "least"),
    [
        ("drum: kick", 0, 300, 0.95),
        ("drum: closed hat", 4000, 16000, 0.9),
        ("impulse: heartbeat", 0, 150, 0.95),
        ("noise: low band", 60, 1000, 0.8),
        ("noise: high band", 2500, 16000, 0.9),
        ("animal: chirp", 1000, 10000, 0.95),
        ("machine: hum", 40, 2000, 0.95),
    ],
)
def test_energy_lies_where_the_kind_has_it(kind, low, high, least):
    for number in range(5):
        assert share(render_kind(CORPUS, kind, number)[0], low, high) > least


def test_colors_of_noise_have_their_slopes():
    for kind, slope in (("noise: white", 0), ("noise: pink", -3), ("noise: brown", -6), ("noise: blue", 3)):
        audio, _ = render_kind(CORPUS, kind, 1)
        frequency, power = spectrum(audio)
        levels = [power[(frequency >= f) & (frequency < f * 2**0.5)].mean() for f in (250, 4000)]
        measured = float(10 * torch.log10(levels[1] / levels[0])) / 4
        assert measured == pytest.approx(slope, abs=0.8)


@pytest.mark.parametrize("vowel", FORMANTS)
def test_vowels_have_their_formants(vowel):
    """The vowel whose first two formants stand out most is the labeled one, for most of a man's notes."""
    right = 0
    for audio, _ in clips_with("voice: sung", {"voice: male", f"vowel: {vowel}"}.issubset, 5):
        frequency, power = spectrum(audio)
        scores = {}
        for other, formants in FORMANTS.items():
            near = [power[(frequency > f * 0.85) & (frequency < f * 1.15)].amax().log() for f in formants]
            scores[other] = float(sum(near))
        right += max(scores, key=scores.get) == vowel
    assert right >= 4


def test_speakers_differ_in_pitch():
    heights = {}
    for audio, labels in clips_with("voice: spoken", lambda labels: True, 40):
        (who,) = (name for name in ("male", "female", "child") if f"voice: {name}" in labels)
        loud = audio[audio.abs().argmax() :][:3200]  # 0.1 s of voice
        correlation = torch.fft.irfft(torch.fft.rfft(loud, 8192).abs().square())
        lag = 64 + int(correlation[64:500].argmax())  # 64 to 500 Hz
        heights.setdefault(who, []).append(RATE / lag)
    middle = {who: torch.tensor(values).median() for who, values in heights.items()}
    assert middle["male"] < middle["female"] < middle["child"]


def test_rates_are_those_of_the_sounds():
    for kind in ("impulse: click", "drum: rim"):
        slow = clips_with(kind, lambda labels: "rate: slow" in labels or "rate: medium" in labels, 3)
        for audio, labels in slow:
            level = audio.view(-1, 320).square().mean(-1) ** 0.5  # every 10 ms
            onsets = ((level[1:] > 0.2 * level.max()) & (level[:-1] < 0.1 * level.max())).nonzero()[:, 0]
            gap = float(onsets.diff().float().median()) / 100
            assert (gap > 1 / 1.6) == ("rate: slow" in labels)


def test_fades_go_up_and_down():
    for label, sign in (("dynamics: fade in", 1), ("dynamics: fade out", -1)):
        for audio, _ in clips_with("noise: white", lambda labels, label=label: label in labels, 2):
            loud = audio[audio.abs() > 0].square()
            assert sign * (loud[len(loud) // 2 :].mean() - loud[: len(loud) // 2].mean()) > 0
