"""What names in a study stand for, with conditions behind them or without."""

from pathlib import Path

import pytest

from ablations.tasks.names import AbsentTaskError, Place, places, read
from downstream.tasks.conditions.condition import Conditions


def found(name: str, tmp_path: Path) -> list[Place]:
    return places(name, tmp_path, tmp_path / "store", tmp_path)


def test_conditions_behind_folders_and_globs(scene_task, tmp_path):
    one, two = scene_task("tones"), scene_task("tunes")
    assert found("tones", tmp_path) == [Place(one)]
    assert found("tones+snr10", tmp_path) == [Place(one, Conditions.parse("+snr10"))]
    assert found(f"{one}+train+reverb0.5+snr10", tmp_path) == [Place(one, Conditions.parse("+train+reverb0.5+snr10"))]
    assert [place.name for place in found("t*+gain-20", tmp_path)] == ["tones+gain-20", "tunes+gain-20"]
    assert two in [place.folder for place in found("t*+gain-20", tmp_path)]


def test_a_folder_that_is_called_so_is_a_folder(scene_task, tmp_path):
    scene_task("tones")
    odd, other = scene_task("tones+snr10"), scene_task("c++/tones")
    assert found("tones+snr10", tmp_path) == [Place(odd)]
    assert found("tones+snr10+gain3", tmp_path) == [Place(odd, Conditions.parse("+gain3"))]
    assert found("c++/tones+snr0", tmp_path) == [Place(other, Conditions.parse("+snr0"))]


def test_the_key_of_a_hear_task_keeps_its_conditions(scene_task, tmp_path):
    folder = scene_task("esc50-v2.0.0-full")
    (place,) = found("esc50+snr10", tmp_path)
    named = read(place, ())
    assert place.folder == folder
    assert (named.key, named.task.name) == ("esc50+snr10", "esc50-v2.0.0-full+snr10")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tones+noise10", "task 'tones.noise10': unknown condition 'noise10'.*expected one of snr10, reverb0.5"),
        ("tones+snr", "task 'tones.snr': condition snr must have a number"),
        ("tones+reverb600", "condition reverb must be 0.05 to 10"),
        ("tones+", "unknown condition ''"),
    ],
)
def test_bad_conditions_are_named(name, message, scene_task, tmp_path):
    scene_task("tones")
    with pytest.raises(ValueError, match=message):
        found(name, tmp_path)


@pytest.mark.parametrize("name", ["absent", "absent+snr10", "absent+nothing"])
def test_an_absent_task_is_called_absent(name, tmp_path):
    with pytest.raises(AbsentTaskError, match="task 'absent' is absent"):
        found(name, tmp_path)


def test_clean_and_changed_are_two_tasks_of_one_folder(scene_task, tmp_path):
    scene_task("tones")
    clean, noisy = (next(read(place, ()) for place in found(name, tmp_path)) for name in ("tones", "tones+snr10"))
    assert clean.task.place != noisy.task.place
    assert clean.task.folder == noisy.task.folder
