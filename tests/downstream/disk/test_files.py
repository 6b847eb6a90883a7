"""Places for results, looked at before they are worked for."""

import os

import pytest

from downstream.disk.files import check_place, make_folder, whole_folder


def test_a_place_below_a_file_is_none(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="is a file, expected a folder"):
        check_place(tmp_path / "file" / "out" / "x.csv")
    with pytest.raises(OSError, match="can't be written: Not a directory; expected a folder for results"):
        make_folder(tmp_path / "file" / "out")


@pytest.mark.parametrize("place", ["x.csv", "made/x.csv"])
def test_a_place_in_a_folder_that_is_read_only_is_none(tmp_path, monkeypatch, place):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root, whom modes do not stop, on such a disk
    with pytest.raises(PermissionError, match="is read-only, expected one for results"):
        check_place(tmp_path / place)


def test_a_place_that_can_be_written_stays_as_it_is(tmp_path):
    check_place(tmp_path / "made" / "x.csv")
    assert not list(tmp_path.iterdir())
    make_folder(tmp_path / "made" / "further")
    assert not list((tmp_path / "made" / "further").iterdir())


@pytest.mark.parametrize("staging", [None, ".staging"])
def test_a_folder_is_complete_or_absent(tmp_path, staging):
    target = tmp_path / "folder"
    beside = staging and tmp_path / staging

    def fails() -> None:
        with whole_folder(target, beside) as draft:
            (draft / "file").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert list(tmp_path.iterdir()) == []
    with whole_folder(target, beside) as draft:
        assert draft.name == target.name
        assert not target.exists()
        (draft / "file").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (target / "file").read_text() == "whole"
