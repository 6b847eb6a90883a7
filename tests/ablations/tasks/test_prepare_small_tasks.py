"""The small tasks: what they are made of, and that no recording is on two sides."""

import io
import itertools
import json
import struct
import zipfile
from collections import defaultdict

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from ablations.cli.prepare import examples as main
from ablations.study.study import FOLDERS, Study
from ablations.tasks.examples import instruments, piano, soundscapes, synthesizer, tones
from ablations.tasks.examples.clips import Clips
from ablations.tasks.examples.midi import Note, midi_file
from ablations.tasks.examples.samples import TABLES, samples_of
from ablations.tasks.examples.tasks import TASKS, VERSION, make_tasks
from downstream.tasks.task import Task
from tests.conftest import tone

MIDDLE_C = 261.63  # Hz


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


@pytest.fixture
def soundfont(tmp_path):
    """Three programs: 0 and 5 share a stereo pair, of which each plays one side; 9 has a sample of its own."""

    def rows(name, *values):
        table = np.zeros(len(values), TABLES[name])
        for row, given in zip(table, values, strict=True):
            for key, value in given.items():
                row[key] = value
        return chunk(name.encode(), table.tobytes())

    presets = rows(
        "phdr", {"preset": 0, "bag": 0}, {"preset": 5, "bag": 1}, {"preset": 9, "bag": 2}, {"preset": 255, "bag": 3}
    )
    zones = [{"first": i} for i in range(4)]
    pdta = b"pdta" + presets + rows("pbag", *zones)
    pdta += rows("pgen", *({"kind": 41, "value": i} for i in range(3)), {})
    pdta += rows("inst", *({"bag": i} for i in range(4))) + rows("ibag", *zones)
    pdta += rows("igen", *({"kind": 53, "value": i} for i in range(3)), {})
    pair = [{"start": 100, "link": 1, "channel": 4}, {"start": 500, "link": 0, "channel": 2}]
    pdta += rows("shdr", *pair, {"start": 900, "link": 0, "channel": 4}, {})
    path = tmp_path / "made.sf2"
    path.write_bytes(chunk(b"RIFF", b"sfbk" + chunk(b"LIST", b"INFOxxxx") + chunk(b"LIST", pdta)))
    return path


def test_instruments_of_one_recording_are_known(soundfont, tmp_path):
    assert samples_of(soundfont) == {0: {100}, 5: {100}, 9: {900}}
    (tmp_path / "no.sf2").write_text("<html>")
    with pytest.raises(ValueError, match=r"no\.sf2: no soundfont"):
        samples_of(tmp_path / "no.sf2")


def test_midi_times_are_milliseconds():
    content = midi_file(7, [Note(20, 500, 60, 100), Note(500, 40000, 60)], [500.0])
    assert content[:4] == b"MThd"
    assert struct.unpack(">H", content[12:14]) == (1000,)
    track, now, found, place = content[22:], 0, [], 7
    while place < len(track) - 4:
        delta = 0
        while True:
            byte, place = track[place], place + 1
            delta = delta << 7 | byte & 0x7F
            if byte < 0x80:
                break
        now += delta
        size = 2 if track[place] >> 4 == 0xC else 3
        found.append((now, track[place : place + size]))
        place += size
    times = [time for time, _ in found]
    assert times == [0, 20, 500, 500, 500, 40000]
    assert [message[0] for _, message in found] == [0xC0, 0x90, 0xB0, 0x80, 0x90, 0x80]


@pytest.fixture
def played(monkeypatch):
    """Instruments without a synthesizer: programs 0 and 2 share a recording."""
    recordings = {program: frozenset({program or 2}) for program in range(128)}
    monkeypatch.setattr(instruments, "samples_of", lambda path: recordings)
    monkeypatch.setattr(instruments, "KEYS", range(48, 52))
    monkeypatch.setattr(instruments, "FAMILY_KEYS", range(48, 50))
    monkeypatch.setattr(instruments, "CLIPS_PER_FOLD", 8)
    notes = np.ones((len(instruments.KEYS), 32), np.float32)
    monkeypatch.setattr(instruments, "notes_of", lambda path, program: notes)
    monkeypatch.setattr(instruments, "CLIP_MS", 1)


@pytest.mark.parametrize("make", [instruments.pitch, instruments.families])
def test_an_instrument_and_its_twin_are_in_one_fold(make, played, tmp_path):
    clips = Clips(tmp_path)
    make(clips, tmp_path / "any.sf2", 0)
    folds = defaultdict(set)
    for row in clips.rows:
        folds[row["group"]].add(row["fold"])
    assert all(len(found) == 1 for found in folds.values())
    assert "program 0" in folds
    assert "program 2" not in folds  # it shares a recording with program 0 and is of its group
    labels = defaultdict(set)
    for row in clips.rows:
        labels[row["label"]].add(row["fold"])
    assert len(labels) == (len(instruments.KEYS) if make is instruments.pitch else 9)
    assert all(len(found) >= 4 for found in labels.values())


def test_duets_have_two_or_three_families(played, tmp_path):
    clips = Clips(tmp_path)
    instruments.duets(clips, tmp_path / "any.sf2", 0)
    counts = [len(row["labels"].split(",")) for row in clips.rows]
    assert set(counts) == {2, 3}
    assert len(clips.rows) == 5 * instruments.CLIPS_PER_FOLD
    groups = {row["fold"]: row["group"] for row in clips.rows}
    assert len(set(groups.values())) == 5
    assert all(row["group"] == groups[row["fold"]] for row in clips.rows)


def test_a_key_is_not_struck_while_it_sounds():
    for seed in range(20):
        sounding = defaultdict(list)
        for note in piano._piece(np.random.default_rng(seed)):
            sounding[note.key].append((note.start, note.end))
        assert sum(map(len, sounding.values())) > 20
        for notes in sounding.values():
            assert all(end < start for (_, end), (start, _) in itertools.pairwise(notes))
            assert max(end for _, end in notes) < 1000 * piano.SECONDS


def test_active_parts_are_those_that_sound():
    sound = np.zeros(32000, np.float32)
    sound[3200:6400] = tone(500, 0.1, 32000)
    sound[8000:9600] = tone(500, 0.05, 32000)  # 50 ms later: the same
    sound[20800:24000] = tone(500, 0.1, 32000)
    assert soundscapes.active(sound, 32000) == [(3200, 9600), (20800, 24000)]
    assert soundscapes.active(np.zeros(32000, np.float32), 32000) == []


def made_up_sounds(folds, recordings):
    """Clips as of ESC-10: a label has so many recordings in each fold, which beep at the label's and fold's pitch."""
    rng, sounds = np.random.default_rng(0), []
    for fold in folds:
        for number, label in enumerate(soundscapes.SOUNDS):
            event = np.zeros(64000, np.float32)
            event[16000:32000] = tone(300 * (number + 1) + 100 * int(fold), 0.5, 32000)
            sounds += [(label, fold, f"{fold} {label} {take}", event) for take in range(recordings)]
        rain = rng.normal(0, 1e-3, 64000).astype(np.float32)
        sounds += [("Rain", fold, f"{fold} Rain {take}", rain) for take in range(recordings)]
    return sounds


def test_soundscapes_are_of_one_fold_and_sound_where_they_say(tmp_path):
    sounds = made_up_sounds("12345", 1)
    clips = Clips(tmp_path)
    soundscapes.soundscapes(clips, sounds, 0)
    splits = {(row["file"][0], row["split"]) for row in clips.rows}
    assert splits == {(part.folds, part.split) for part in soundscapes.SMALL}
    assert len({row["group"] for row in clips.rows}) == len(soundscapes.SMALL)  # all of a fold share the rain
    for row in clips.rows[:12]:
        sound, rate = soundfile.read(tmp_path / row["file"])
        number = list(soundscapes.SOUNDS.values()).index(row["label"])
        inside = sound[int(row["start"] * rate / 1000) : int(row["end"] * rate / 1000)]
        peak = np.abs(np.fft.rfft(inside)).argmax() * rate / len(inside)
        assert peak == pytest.approx(300 * (number + 1) + 100 * int(row["file"][0]), abs=5)
    with pytest.raises(ValueError, match="fold 2 of ESC-10 must have clips"):
        soundscapes.soundscapes(Clips(tmp_path), [s for s in sounds if s[:2] != ("Rooster", "2")], 0)


def test_soundscapes_apart_share_no_recording(tmp_path):
    part = soundscapes.Part("test", "45", 8, apart=True)
    clips = Clips(tmp_path)
    soundscapes.soundscapes(clips, made_up_sounds("45", 4), 0, [part])
    groups, labels = defaultdict(set), defaultdict(set)
    for row in clips.rows:
        groups[row["file"]].add(row["group"])
        labels[row["file"]].add(row["label"])
    assert len(groups) == len(set.union(*groups.values())) == 8  # groups are of the recordings that were mixed
    assert all(len(kinds) >= 2 for kinds in labels.values())
    with pytest.raises(
        ValueError, match="folds 4 and 5 of ESC-10 must have 8 recordings of backgrounds and 16 of events"
    ):
        soundscapes.soundscapes(Clips(tmp_path), made_up_sounds("45", 1), 0, [part])


def test_a_task_of_more_pieces_has_those_of_the_small_one(tmp_path, monkeypatch):
    played = []

    def silent(soundfont, program, notes, seconds, starts):
        played.append(notes)
        return np.ones(round(seconds * synthesizer.RATE), np.float32)

    monkeypatch.setattr(piano, "render", silent)
    for name, counts in {"small": piano.PIECES, "more": piano.MORE_TO_TEST}.items():
        piano.piano(Clips(tmp_path / name), tmp_path / "any.sf2", 0, counts)
    small, more = played
    assert more[: len(small)] == small
    assert piano.MORE_TO_TEST["test"] == 24


def test_tasks_are_made_once_and_alike(tmp_path):
    archive = tmp_path / "digits.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for i, name in enumerate(f"{d}_{who}_{take}" for d in (0, 7) for who in ("a", "b", "c") for take in range(10)):
            sound = io.BytesIO()
            soundfile.write(sound, tone(200 + 10 * i, 0.2, 8000), 8000, format="WAV")
            file.writestr(f"recordings/{name}.wav", sound.getvalue())
    (made,) = make_tasks(tmp_path / "tasks", ["digits_small"], {"fsdd": archive})
    task = Task.from_dir(made)
    assert task.splits == ("fold00", "fold01", "fold02")
    assert all(len(items) == 2 * 8 for items in task.items.values())
    assert [set(groups.values()) for groups in task.groups.values()] == [{"a"}, {"b"}, {"c"}]
    (again,) = make_tasks(tmp_path / "other", ["digits_small"], {"fsdd": archive})
    splits = [json.loads((folder / "fold01.json").read_text()) for folder in (made, again)]
    assert splits[0] == splits[1]
    archive.unlink()
    assert make_tasks(tmp_path / "tasks", ["digits_small"], {"fsdd": archive}) == [made]


def test_what_is_absent_is_said_in_one_line(tmp_path, monkeypatch):
    runner = CliRunner()
    done = runner.invoke(main, ["tasks", str(tmp_path), "pitch_smal"])
    assert done.exit_code == 1
    assert "unknown example 'pitch_smal' (did you mean 'pitch_small'?); expected one of digits_small" in done.output
    done = runner.invoke(main, ["tasks", str(tmp_path), "digits_small"])  # offline
    assert done.exit_code == 1
    assert done.output.strip().count("\n") == 0
    assert f"put the file of that address at {tmp_path / 'fsdd.zip'}, or name it by --fsdd" in done.output
    monkeypatch.setenv("PATH", str(tmp_path))
    done = runner.invoke(main, ["tasks", str(tmp_path), "pitch_small"])
    assert done.exit_code == 1
    assert done.output.strip().count("\n") == 0
    assert "apt-get install fluidsynth fluid-soundfont-gm" in done.output


def test_rendered_notes_have_their_pitch_and_time():
    try:
        soundfont = synthesizer.find_soundfont()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    notes = [Note(100, 400, 60), Note(700, 900, 72)]
    sound = synthesizer.render(soundfont, 73, notes, 1.0, [650.0])
    assert sound.shape == (synthesizer.RATE,)
    assert np.abs(sound[: 99 * 32]).max() < 1e-3 * np.abs(sound).max()
    spectrum = np.abs(np.fft.rfft(sound[200 * 32 : 400 * 32]))
    assert spectrum.argmax() * 1000 / 200 == pytest.approx(MIDDLE_C, rel=0.02)
    assert np.array_equal(sound, synthesizer.render(soundfont, 73, notes, 1.0, [650.0]))


def test_the_studies_in_small_ask_for_these_tasks():
    made = {f"{name}-{VERSION}" for name in TASKS}
    studies = [Study.load(path) for path in sorted(FOLDERS[0].glob("examples_*.yaml"))]
    assert len(studies) == 4
    asked = {task for study in [*studies, *map(Study.load, ("headline", "headline_events"))] for task in study.tasks}
    assert asked == made - {"semitones_small-v1"}
    assert Study.load("semitones").tasks == ("semitones_small-v1",)
    assert {study.protocol for study in studies} == {"hear2021+grid3"}


def test_tones_are_made_alike_and_timbres_are_in_one_fold(tmp_path, monkeypatch):
    monkeypatch.setattr(tones, "TIMBRES", 6)
    monkeypatch.setattr(tones, "CLIPS", 4)
    (made,), (again,) = (make_tasks(tmp_path / place, ["semitones_small"]) for place in "ab")
    task = Task.from_dir(made)
    assert (task.prediction_type, task.metrics) == ("regression", ("r2", "pearson", "mae"))
    assert [len(items) for items in task.items.values()] == [8, 4, 4, 4, 4]
    assert task.items == Task.from_dir(again).items
    groups = [set(groups.values()) for groups in task.groups.values()]
    assert groups[0] == {"timbre 0", "timbre 5"}
    assert sum(map(len, groups)) == len(set.union(*groups)) == 6
    pitches = [pitch for items in task.items.values() for (pitch,) in items.values()]
    assert min(pitches) >= tones.LOWEST
    assert max(pitches) <= tones.HIGHEST
    for file in sorted((made / "32000").rglob("*.flac")):
        assert file.read_bytes() == (again / file.relative_to(made)).read_bytes()
        assert 0.1 < np.abs(soundfile.read(file)[0]).max() < 0.72


@pytest.mark.parametrize("pitch", [45.0, 69.0, 81.5])
def test_partials_of_a_tone_stand_at_multiples_of_its_pitch(pitch):
    rng = np.random.default_rng(0)
    plain = tones.Timbre(1.0 / np.arange(1, 41), np.array([[1000.0, 0.5, 0.0]]), 0.0, 0.01, 10.0, (0.0, 5.0), -90.0)
    spectrum = np.abs(np.fft.rfft(tones.tone(plain, pitch, rng)))
    fundamental = 440 * 2 ** ((pitch - 69) / 12)
    for order in (1, 2, 5):
        near = slice(int((order - 0.4) * fundamental * tones.SECONDS), int((order + 0.4) * fundamental * tones.SECONDS))
        found = (near.start + spectrum[near].argmax()) / tones.SECONDS
        assert found == pytest.approx(order * fundamental, abs=1 / tones.SECONDS)
