"""`ablate download` of HEAR tasks; of weights: test_cli_models.py."""

import pytest
from click.testing import CliRunner

from ablations.cli import main
from passt.fetch import transfer
from results.rows.rows import task_table
from tests.server import Server
from tests.task_archives import packed

FOLDERS = ("beehive_states_fold0-v2-full", "beehive_states_fold1-v2-full")


@pytest.fixture
def server(scene_task, monkeypatch):
    monkeypatch.setattr(transfer, "BACKOFF_S", 0.001)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("PASST_OFFLINE")
    monkeypatch.setattr("ablations.tasks.archives.MD5", {})  # of the real ones
    server = Server()
    server.bodies = {f"hear2021-{name}-48000.tar.gz": packed(scene_task(name, clips=1)) for name in FOLDERS}
    server.mirror = server.url.rsplit("/", 1)[0]
    yield server
    server.close()


def run(*args):
    return CliRunner().invoke(main, ["download", *map(str, args)])


def test_a_key_with_two_folders_fetches_both(server, tmp_path):
    found = run("beehive", "digits", "--tasks", tmp_path / "t", "--rate", 8000, "--from", server.mirror)
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    size = sum(map(len, server.bodies.values()))
    assert f"To fetch: {size / 1e6:.1f} MB in 2 archives; unpacked folders come on top; " in lines[0]
    assert [line for line in lines if line.startswith(("beehive", "digits"))] == [
        *(f"beehive: {tmp_path / 't' / name}" for name in FOLDERS),
        "digits: comes with the project",
    ]
    for name in FOLDERS:
        assert (tmp_path / "t" / name / "8000" / "test" / "test0.wav").is_file()
    again = run("beehive", "--tasks", tmp_path / "t", "--rate", 8000)
    assert again.exit_code == 0
    assert server.statuses == [200] * 4  # two of them only asked for sizes


def test_one_that_fails_does_not_stop_the_others(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HEAR_TASKS", str(tmp_path / "t"))
    damaged, good = server.bodies
    server.bodies[damaged] = server.bodies[damaged][:-100]
    found = run("esc50", "beehive", "nonsense", "--from", server.mirror, "--delete-archives")
    assert found.exit_code == 1
    failed = [line for line in found.output.splitlines() if line.startswith("Failed: ")]
    assert len(failed) == 3
    assert "esc50" in failed[0]
    assert "HTTP 404" in failed[0]
    assert f"Failed: {tmp_path / 't' / damaged}: is not whole" in failed[1]
    assert "unknown checkpoint 'nonsense'" in failed[2]
    assert failed[2].endswith("or a HEAR task; `ablate tasks` lists all 19")
    assert "dcase2016_task2" not in failed[2]
    assert (tmp_path / "t" / FOLDERS[1]).is_dir()
    assert not (tmp_path / "t" / good).exists()
    assert (tmp_path / "t" / damaged).exists()


def test_all_tasks_offline_says_every_file_and_its_place(tmp_path):
    found = run("--all-tasks", "--tasks", tmp_path)
    assert found.exit_code == 1
    lines = [line for line in found.output.splitlines() if line.startswith("Failed: ")]
    assert len(lines) == len(found.output.splitlines()) == 20
    archives = [name for names in task_table()["archive_48k"] for name in names.split()]
    for line, name in zip(lines, archives, strict=True):
        assert f"put the file of that address at {tmp_path / name}" in line
    assert sum("is a guess" in line for line in lines) == sum(
        len(row.archive_48k.split()) for row in task_table().itertuples() if row.archive_name_seen != "yes"
    )


@pytest.mark.parametrize("args", [[], ["esc50", "--all-tasks"], ["esc50", "--all"]])
def test_what_to_fetch_has_to_be_said_once(args):
    found = run(*args)
    assert found.exit_code == 2
    assert "HEAR tasks, or --all-tasks (`ablate tasks` lists them)" in found.output


def test_a_wrong_option_is_one_line(tmp_path):
    found = run("esc50", "--from", "ftp://example.org", "--tasks", tmp_path)
    assert found.exit_code == 1
    assert "must be http or https, got 'ftp://example.org'" in found.output
    assert len(found.output.splitlines()) == 1
