"""What made a run."""

import re
import shutil
import subprocess

import pytest

from ablations.system import call


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_the_command_is_quoted_and_without_its_folder(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/home/a/.venv/bin/ablate", "run", "my study.yaml"])
    assert call.command() == "ablate run 'my study.yaml'"
    monkeypatch.setattr("sys.argv", ["/usr/lib/jupyter.py"])
    assert call.command() == ""


def test_times_sort_as_texts():
    first, second = call.now(), call.now()
    assert first <= second
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first)


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_the_commit_of_a_checkout_says_whether_files_changed(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "a").write_text("a")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "a")
    git(tmp_path, "tag", "v1")
    commit = call.commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{12}", commit)
    (tmp_path / "a").write_text("b")
    call.commit.cache_clear()
    assert call.commit(tmp_path) == f"{commit}+changes"


def test_code_that_is_from_no_checkout_has_no_commit(tmp_path):
    assert call.commit(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    call.commit.cache_clear()
    assert call.commit(tmp_path) == ""
