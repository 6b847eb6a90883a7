"""The worked examples, on archives made in the layout of the public ones."""

import io
import zipfile

import pytest
import soundfile
from click.testing import CliRunner

from ablations.cli import main
from ablations.tasks.examples.archives import unpack
from downstream.tasks.task import Task
from tests.conftest import tone


@pytest.fixture
def archive(tmp_path):
    def make(*names: str):
        path = tmp_path / "made.zip"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("README.md", "clips")
            for number, name in enumerate(names):
                sound = io.BytesIO()
                soundfile.write(
                    sound, tone(200 + 20 * number, 0.2, 8000), 8000, format="OGG" if "ogg" in name else "WAV"
                )
                file.writestr(name, sound.getvalue())
        return path

    return make


def prepare(listing, out) -> Task:
    done = CliRunner().invoke(main, ["prepare", str(listing), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return Task.from_dir(out)


def test_esc10(tmp_path, archive):
    made = archive(
        *(f"{number:03} - {label}/{fold}-{1000 * fold + take}-{letter}.ogg"
          for number, label in ((1, "Dog bark"), (2, "Rain"))
          for fold in range(1, 6)
          for take, letter in ((number, "A"), (number, "B"))),
        "003 - Rooster/notes.ogg.txt",
    )  # fmt: skip
    listing = unpack("esc10", made, tmp_path / "clips")
    task = prepare(listing, tmp_path / "tasks" / "esc10-v1")
    assert task.labels == ("Dog bark", "Rain")
    assert (task.split_mode, task.splits) == ("presplit_kfold", tuple(f"fold{i:02}" for i in range(5)))
    assert task.items["fold02"] == {
        "3-3001-A.ogg": ("Dog bark",),
        "3-3001-B.ogg": ("Dog bark",),
        "3-3002-A.ogg": ("Rain",),
        "3-3002-B.ogg": ("Rain",),
    }
    with zipfile.ZipFile(made) as file:
        clip = tmp_path / "tasks" / "esc10-v1" / "8000" / "fold02" / "3-3001-A.ogg"
        assert clip.read_bytes() == file.read("001 - Dog bark/3-3001-A.ogg")


def test_fsdd(tmp_path, archive):
    speakers = ("theo", "george", "lucas")
    made = archive(
        *(f"master/recordings/{digit}_{who}_{i}.wav" for digit in (0, 7) for who in speakers for i in (0, 1))
    )
    task = prepare(unpack("fsdd", made, tmp_path / "clips"), tmp_path / "fsdd-v1")
    assert task.labels == ("0", "7")
    assert list(task.items["fold00"]) == [f"{digit}_george_{i}.wav" for digit in (0, 7) for i in (0, 1)]
    assert [next(iter(task.items[fold])).split("_")[1] for fold in task.splits] == sorted(speakers)


def test_other_archives_are_refused(tmp_path, archive):
    with pytest.raises(ValueError, match=r"made\.zip: holds no clips named as those of fsdd"):
        unpack("fsdd", archive("other/0.wav"), tmp_path)
    with pytest.raises(ValueError, match="expected one of esc10, fsdd"):
        unpack("esc50", archive(), tmp_path)
    (tmp_path / "no.zip").write_text("<html>")
    with pytest.raises(ValueError, match=r"no\.zip: no zip archive"):
        unpack("fsdd", tmp_path / "no.zip", tmp_path)
