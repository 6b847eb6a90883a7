"""Task folders from archives that a server on this machine has, or somebody put there."""

import hashlib
import os
import shutil
import signal
import socket
import stat
import sys
import threading

import pytest

from ablations.tasks import archives
from ablations.tasks.archives import Archive, need, task_folder
from ablations.tasks.names import folders
from results.rows.rows import task_table
from tests.server import Server
from tests.task_archives import content, packed

FOLDER = "esc50-v2.0.0-full"
FILE = f"hear2021-{FOLDER}-48000.tar.gz"
TOUCHES = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "os.chmod")
"""Audit events of what a process does to files."""


pytestmark = pytest.mark.usefixtures("soon_and_directly")


@pytest.fixture
def source(scene_task):
    return scene_task(FOLDER, clips=2)


@pytest.fixture
def server(source):
    server = Server()
    server.bodies = {FILE: packed(source)}
    server.mirror = server.url.rsplit("/", 1)[0]
    yield server
    server.close()


@pytest.fixture
def tasks(tmp_path):
    return tmp_path / "hear" / "tasks"


@pytest.fixture
def esc50():
    (archive,) = archives.archives("esc50")
    return archive


def names(tasks):
    """What lies in the folder of tasks, without locks."""
    return sorted(path.name for path in tasks.iterdir() if path.suffix != ".lock")


def test_every_task_has_its_archives():
    found = {key: archives.archives(key) for key in task_table().index}
    assert len(found) == 19
    assert [key for key, of_one in found.items() if len(of_one) != 1] == ["beehive"]
    assert len(found["beehive"]) == 2
    every = [archive for of_one in found.values() for archive in of_one]
    assert len({archive.folder for archive in every}) == 20
    for archive in every:
        assert archive.file == f"hear2021-{archive.folder}-48000.tar.gz"
        assert archive.url() == f"https://zenodo.org/records/6332517/files/{archive.file}?download=1"
    assert set(archives.MD5) <= {archive.file for archive in every}
    with pytest.raises(ValueError, match="unknown HEAR task 'esc' .did you mean 'esc50'.*`ablate tasks` lists all 19"):
        archives.archives("esc")


def test_a_task_comes_whole_where_a_run_looks_for_it(server, source, tasks, esc50):
    task = task_folder(esc50, tasks, rates=[8000], mirror=server.mirror)
    assert task.folder == tasks / FOLDER
    assert names(tasks) == [FOLDER, FILE, f"{FILE}.sha256"]
    found = content(tasks / FOLDER)
    assert {name: data for name, data in found.items() if not name.startswith("8000/")} == content(source)
    assert len(found) == len(content(source)) + 6
    assert hashlib.sha256(server.bodies[FILE]).hexdigest() == (tasks / f"{FILE}.sha256").read_text()[:64]
    assert folders("esc50", tasks, tasks, tasks) == [tasks / FOLDER]


def test_what_is_complete_is_left_alone(server, source, tasks, esc50):
    shutil.copytree(source, tasks / FOLDER)
    assert need([esc50], tasks, server.mirror) is None
    task_folder(esc50, tasks, mirror=server.mirror)
    assert server.statuses == []
    assert names(tasks) == [FOLDER]
    (tasks / FOLDER / "16000" / "test" / "test1.wav").unlink()
    with pytest.raises(ValueError, match=r"test1.wav is listed in test.json but absent; .* move it away to have"):
        task_folder(esc50, tasks, mirror=server.mirror)
    assert server.statuses == []


def test_a_complete_task_in_a_read_only_folder_is_used(source, tasks, esc50, monkeypatch):
    shutil.copytree(source, tasks / FOLDER)
    monkeypatch.setattr(archives, "locked", None)  # would write there
    tasks.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert task_folder(esc50, tasks, rates=[16000]).folder == tasks / FOLDER
    tasks.chmod(stat.S_IRWXU)


def test_only_the_rate_is_made_where_it_alone_is_absent(server, source, tasks, esc50):
    shutil.copytree(source, tasks / FOLDER)
    task_folder(esc50, tasks, rates=[8000, 12000], mirror=server.mirror)
    assert sorted(path.name for path in (tasks / FOLDER).iterdir() if path.is_dir()) == ["12000", "16000", "8000"]
    assert server.statuses == []
    (tasks / FOLDER / "8000" / "test" / "test0.wav").unlink()
    with pytest.raises(ValueError, match=r"8000/test/test0.wav is listed in test.json but absent"):
        task_folder(esc50, tasks, rates=[8000], mirror=server.mirror)


def test_offline_it_is_said_which_file_to_put_where_and_there_it_is_used(source, tasks, esc50, monkeypatch):
    monkeypatch.setenv("PASST_OFFLINE", "1")
    assert need([esc50], tasks) is None
    with pytest.raises(FileNotFoundError) as error:
        task_folder(esc50, tasks)
    text = str(error.value)
    assert text.startswith(f"task esc50: https://zenodo.org/records/6332517/files/{FILE}?download=1 could not be")
    assert text.endswith(f"$PASST_OFFLINE is set; put the file of that address at {tasks / FILE}")
    assert "\n" not in text
    (tasks / FILE).write_bytes(packed(source, above="somewhere/"))
    assert task_folder(esc50, tasks).folder == tasks / FOLDER
    assert names(tasks) == [FOLDER, FILE, f"{FILE}.sha256"]


def test_a_name_that_is_a_guess_is_said_to_be_one(server, tasks, esc50):
    guessed = Archive("gunshot", "gunshot-full", "hear2021-gunshot-full-48000.tar.gz", seen=False)
    with pytest.raises(FileNotFoundError, match=r"HTTP 404 .*; that this is its name is a guess .*records/6332517"):
        task_folder(guessed, tasks, mirror=server.mirror)
    server.bodies = {"other": b""}
    with pytest.raises(FileNotFoundError, match=r"HTTP 404") as error:
        task_folder(esc50, tasks, mirror=server.mirror)
    assert "is a guess" not in str(error.value)


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_page_in_place_of_an_archive_is_refused(server, tasks, esc50, by_hand):
    page = b"<!DOCTYPE html><title>Log in</title>"
    server.bodies = {FILE: page}
    if by_hand:
        tasks.mkdir(parents=True)
        (tasks / FILE).write_bytes(page)
    with pytest.raises((ValueError, FileNotFoundError), match=f"{FILE}.*begins with b'<!DOCTYPE html><'"):
        task_folder(esc50, tasks, mirror=server.mirror)
    assert names(tasks) == ([FILE, f"{FILE}.sha256"] if by_hand else [])


def test_the_archive_of_another_task_is_refused_by_name(server, source, tasks, esc50):
    server.bodies = {FILE: packed(source, name="fsd50k-v1.0-full")}
    with pytest.raises(ValueError, match=rf"{FILE}: holds tasks/fsd50k-v1.0-full.*, expected .* task {FOLDER}/"):
        task_folder(esc50, tasks, mirror=server.mirror)
    assert not (tasks / FOLDER).exists()


def test_wrong_hashes_are_refused(server, tasks, esc50, monkeypatch):
    server.etag = f'"md5:{"0" * 32}"'  # as Invenio states it
    with pytest.raises(FileNotFoundError, match=f"its MD5 is .*, expected {'0' * 32}; nothing was kept"):
        task_folder(esc50, tasks, mirror=server.mirror)
    server.etag = f'"md5:{hashlib.md5(server.bodies[FILE]).hexdigest()}"'
    monkeypatch.setitem(archives.MD5, FILE, "1" * 32)
    with pytest.raises(FileNotFoundError, match=f"its MD5 is .*, expected {'1' * 32}; nothing was kept"):
        task_folder(esc50, tasks, mirror=server.mirror)
    monkeypatch.delitem(archives.MD5, FILE)
    assert names(tasks) == []
    task_folder(esc50, tasks, mirror=server.mirror, delete=True)
    assert names(tasks) == [FOLDER, f"{FILE}.sha256"]
    shutil.rmtree(tasks / FOLDER)
    server.bodies[FILE] += b"\0"
    server.etag = '"changed"'
    with pytest.raises(ValueError, match=r"nothing was kept; delete .*sha256 to take what is there now"):
        task_folder(esc50, tasks, mirror=server.mirror)


def test_a_cut_connection_is_gone_on_with(server, source, tasks, esc50):
    size = len(server.bodies[FILE])
    server.cuts = [size // 3, size // 3]
    task_folder(esc50, tasks, mirror=server.mirror)
    assert server.statuses == [200, 206, 206]
    assert content(tasks / FOLDER) == content(source)


def test_what_is_needed_is_said_before(server, tasks, esc50, monkeypatch):
    size = len(server.bodies[FILE])
    text = need([esc50], tasks, server.mirror)
    assert text.startswith(f"To fetch: {size / 1e6:.1f} MB in 1 archive; unpacked folders come on top; ")
    assert text.endswith(f"are free in {tasks}")
    assert not tasks.exists()
    both = need([esc50, *archives.archives("gunshot")], tasks, server.mirror)
    assert "in 1 archive, and 1 of unknown size;" in both
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": size - 1}))
    with pytest.raises(OSError, match=r"no space: To fetch"):
        need([esc50], tasks, server.mirror)
    tasks.mkdir(parents=True)
    (tasks / f"{FILE}.part").write_bytes(bytes(2000))
    assert ", 0.0 MB of them there" in need([esc50], tasks, server.mirror)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert need([esc50], tasks, f"http://127.0.0.1:{free.getsockname()[1]}") is None
    with pytest.raises(ValueError, match="must be http or https, got 'file:///tmp'"):
        need([esc50], tasks, "file:///tmp")


def test_what_is_being_unpacked_is_no_task_of_a_glob(source, tasks):
    shutil.copytree(source, tasks / FOLDER)
    (tasks / f".{FOLDER}.unpacking" / FOLDER).mkdir(parents=True)
    (tasks / FILE).write_bytes(b"")
    assert folders("*", tasks, tasks, tasks) == [tasks / FOLDER]


def test_two_at_once_make_one_transfer(server, source, tasks, esc50):
    server.slow = 0.2
    both = [threading.Thread(target=task_folder, args=(esc50, tasks), kwargs={"mirror": server.mirror}) for _ in "12"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert server.statuses == [200]
    assert content(tasks / FOLDER) == content(source)


def test_a_kill_at_any_moment_leaves_nothing_half_made_and_is_gone_on_with(server, tmp_path, esc50):
    whole = tmp_path / "whole"
    touches = in_child(lambda: task_folder(esc50, whole, rates=[8000], workers=1, mirror=server.mirror), 0)
    wanted = content(whole / FOLDER)
    assert touches > 60
    kills, met = 0, set()
    for moment in [*range(1, touches, 3), touches]:
        tasks = tmp_path / f"killed{moment}"
        if in_child(lambda to=tasks: task_folder(esc50, to, rates=[8000], workers=1, mirror=server.mirror), moment):
            continue
        kills += 1
        met |= {name.replace(FOLDER, "TASK") for name in names(tasks)} if tasks.is_dir() else set()
        if (tasks / FOLDER).exists():
            found = content(tasks / FOLDER)
            assert {n: data for n, data in wanted.items() if not n.startswith("8000/")}.items() <= found.items()
            if (tasks / FOLDER / "8000").exists():
                assert found == wanted
        task_folder(esc50, tasks, rates=[8000], mirror=server.mirror)
        assert content(tasks / FOLDER) == wanted
        assert names(tasks) == names(whole)
    assert kills > 20
    assert {".TASK.unpacking", "TASK", "hear2021-TASK-48000.tar.gz.part"} <= met


def in_child(work, moment):
    """Do that in another process, killed (SIGKILL) before the n-th thing that it does to files; 0: never.

    How many such things there were, 0 where it was killed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event, args):
            nonlocal count
            if event in TOUCHES:
                count += 1
                if count == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
            os.write(writing, str(count).encode())
        finally:
            os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    told = os.read(reading, 20)
    os.close(reading)
    assert bool(told) != (status == signal.SIGKILL)
    return int(told or 0)
