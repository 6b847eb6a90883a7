"""Fetching files from a server on this machine that cuts, changes, refuses and lies."""

import contextlib
import hashlib
import logging
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passt.fetch import download, transfer
from tests.server import BODY, Server

SHA256 = hashlib.sha256(BODY).hexdigest()
# a process that fetches needs no torch, whose import takes seconds
WORKER = """
import sys, types
sys.modules["passt"] = package = types.ModuleType("passt")
package.__path__ = [sys.argv[1]]
from passt.fetch.download import fetch
fetch(sys.argv[2], sys.argv[3])
"""


pytestmark = pytest.mark.usefixtures("soon_and_directly")


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights" / "weights.pt"


def left(path):
    """What lies in the file's folder, without the lock."""
    return sorted(file.name for file in path.parent.iterdir() if file.suffix != ".lock")


def test_a_file_comes_whole_with_a_record_as_sha256sum_writes_it(server, path):
    assert download.fetch(server.url, path, sha256=SHA256, size=len(BODY)) == path
    assert path.read_bytes() == BODY
    assert left(path) == ["weights.pt", "weights.pt.sha256"]
    assert (path.parent / "weights.pt.sha256").read_text() == f"{SHA256}  weights.pt\n"
    download.fetch(server.url, path)
    assert server.statuses == [200]


def test_wherever_the_connection_is_cut_the_file_is_the_same(server, tmp_path):
    count = iter(range(10**6))

    @settings(max_examples=50)
    @given(st.lists(st.integers(0, len(BODY)), max_size=5), st.booleans())
    def check(cuts, ranges):
        server.cuts, server.ranges = list(cuts), ranges
        path = tmp_path / f"{next(count)}.pt"
        try:
            download.fetch(server.url, path)
        except OSError:  # five in a row without a new byte
            assert not path.exists()
            server.cuts = []
            download.fetch(server.url, path)
        assert path.read_bytes() == BODY

    check()


@pytest.mark.parametrize("cut", [0, 1, 511, len(BODY) - 1])
def test_a_cut_connection_is_gone_on_with(server, path, cut):
    server.cuts = [cut]
    download.fetch(server.url, path)
    assert path.read_bytes() == BODY
    assert server.asked == [None, f"bytes={cut}-" if cut else None]


def test_a_date_is_a_validator_where_there_is_no_strong_tag(server, path):
    server.etag, server.modified, server.cuts = 'W/"weak"', "Mon, 03 Jan 2022 10:00:00 GMT", [300]
    download.fetch(server.url, path)
    assert server.statuses == [200, 206]
    assert path.read_bytes() == BODY


def test_without_a_validator_nothing_is_gone_on_with(server, path):
    server.etag, server.cuts = None, [300]
    download.fetch(server.url, path)
    assert server.asked == [None, None]
    assert path.read_bytes() == BODY


def test_a_server_that_knows_no_ranges_is_asked_for_the_whole_again(server, path):
    server.ranges, server.cuts = False, [300, 700]
    download.fetch(server.url, path)
    assert server.statuses == [200, 200, 200]
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changed_between_two_parts_is_started_over(server, path, if_range):
    server.cuts, server.if_range = [500], if_range
    changed = bytes(reversed(BODY))
    answer = server.answer

    def change_then_answer(request):
        if server.statuses:
            server.body, server.etag = changed, '"two"'
        answer(request)

    server.answer = change_then_answer
    download.fetch(server.url, path)
    assert path.read_bytes() == changed


def test_a_part_of_a_file_that_shrank_is_started_over(server, path):
    server.cuts = [500, 0, 0, 0, 0, 0]
    with pytest.raises(OSError, match=r"the connection ended after 500 of 1024 bytes, 5 times in a row"):
        download.fetch(server.url, path)
    server.body, server.if_range, server.cuts = BODY[:300], False, []
    download.fetch(server.url, path)
    assert path.read_bytes() == BODY[:300]
    assert 416 in server.statuses


def test_a_wrong_length_is_never_a_file(server, path):
    server.length = 7
    with pytest.raises(OSError, match=r"ended after 1024 of 1031 bytes|HTTP 416"):
        download.fetch(server.url, path)
    assert not path.exists()


def test_a_length_that_is_not_said_is_taken_only_with_an_expected_one(server, path):
    server.length = None
    with pytest.raises(OSError, match="the server does not say how long it is"):
        download.fetch(server.url, path)
    assert download.fetch(server.url, path, size=len(BODY)).read_bytes() == BODY


def test_another_size_than_expected_is_refused(server, path):
    with pytest.raises(OSError, match="it has 1024 bytes, expected 5"):
        download.fetch(server.url, path, size=5)
    assert not path.exists()


def test_another_sha256_than_expected_never_gets_the_name(server, path):
    with pytest.raises(ValueError, match=f"its sha256 is {SHA256[:12]}, expected aaaaaaaaaaaa; nothing was kept"):
        download.fetch(server.url, path, sha256="a" * 64)
    assert left(path) == []
    assert download.fetch(server.url, path, sha256=SHA256[:8]).is_file()


def test_a_changed_file_is_told_and_one_put_by_hand_is_recorded(server, path):
    download.fetch(server.url, path)
    path.write_bytes(BODY[:-1] + b"?")
    other = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=re.escape(f"{path}: its sha256 is {other[:12]}, but {SHA256[:12]}")) as error:
        download.fetch(server.url, path)
    assert "\n" not in str(error.value)
    (path.parent / "weights.pt.sha256").unlink()
    assert download.verify(path) == other
    assert download.recorded(path) == other
    (path.parent / "weights.pt.sha256").write_text("broken")
    with pytest.raises(ValueError, match="expected 64 hex digits and a file name"):
        download.verify(path)


def test_what_is_fetched_again_must_be_what_was_recorded(server, path):
    download.fetch(server.url, path)
    path.unlink()
    server.body = BODY[::-1]
    with pytest.raises(ValueError, match=r"nothing was kept; delete .*weights.pt.sha256 to take what is there now"):
        download.fetch(server.url, path)
    assert not path.exists()


def test_a_busy_server_is_asked_again_a_missing_file_is_not(server, path):
    server.failing = [503, 429]
    assert download.fetch(server.url, path).is_file()
    path.unlink()
    server.failing = [404]
    with pytest.raises(OSError, match="HTTP 404") as error:
        download.fetch(server.url, path)
    assert_says_what_to_do(error, server.url, path)
    assert server.statuses == [503, 429, 200, 404]


def test_a_refused_connection_is_said_at_once(path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/weights.pt"
        with pytest.raises(OSError, match="Connection refused") as error:
            download.fetch(url, path)
    assert_says_what_to_do(error, url, path)


def test_a_silent_server_is_not_waited_for(path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pt"
        with pytest.raises(OSError, match="timed out"):
            download.fetch(url, path, timeout=0.1)


def test_offline_nothing_is_asked(server, path, monkeypatch):
    monkeypatch.setenv("PASST_OFFLINE", "1")
    with pytest.raises(OSError, match=r"\$PASST_OFFLINE is set") as error:
        download.fetch(server.url, path)
    assert_says_what_to_do(error, server.url, path)
    path.write_bytes(BODY)
    assert download.fetch(server.url, path) == path
    assert server.asked == []


def assert_says_what_to_do(error, url, path):
    message = str(error.value)
    assert message.startswith(url)
    assert f"put the file of that address at {path}" in message
    assert "\n" not in message


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "weights.pt"])
def test_only_http_is_spoken(url, path):
    with pytest.raises(ValueError, match=f"its address must be http or https, got '{url}'"):
        download.fetch(url, path)


def test_a_redirection_to_a_local_file_is_refused(server, path, tmp_path):
    (tmp_path / "secret").write_text("secret")
    server.location = f"file://{tmp_path / 'secret'}"
    with pytest.raises(OSError, match="could not be fetched: HTTP 302"):
        download.fetch(server.url, path)
    assert not path.exists()


def test_a_full_disk_is_named(server, path, monkeypatch):
    server.body = BODY * 4096
    usage = type("Usage", (), {"free": 10**6})
    with monkeypatch.context() as patch:
        patch.setattr(transfer.shutil, "disk_usage", lambda folder: usage)
        with pytest.raises(OSError, match=r"no space left on the disk: it needs 4.2 MB more, 1.0 MB are free"):
            download.fetch(server.url, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, hard))
        with pytest.raises(OSError, match="File too large") as error:
            download.fetch(server.url, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert_says_what_to_do(error, server.url, path)
    assert download.fetch(server.url, path).read_bytes() == server.body
    assert server.statuses[-1] == 206


def test_progress_is_in_bytes_and_ends_at_the_whole(server, path):
    server.ranges, server.cuts = False, [700]
    seen = []

    @contextlib.contextmanager
    def track(description, total):
        seen.append((description, total))
        yield seen.append

    download.fetch(server.url, path, track=track)
    assert seen[0] == ("weights.pt", len(BODY))
    assert sum(seen[1:]) == len(BODY)


def test_two_processes_make_one_transfer(server, path):
    server.body, server.slow = BODY * 512, 0.05  # 0.5 MB in 0.4 s
    both = [start_worker(server.url, path) for _ in range(2)]
    assert [worker.wait(30) for worker in both] == [0, 0]
    assert path.read_bytes() == server.body
    assert server.statuses == [200]


def test_a_killed_process_is_gone_on_with(server, path):
    server.body, server.slow = BODY * 1024, 0.05
    worker = start_worker(server.url, path)
    part = path.with_name("weights.pt.part")
    while not (part.is_file() and part.stat().st_size > 1 << 17):
        assert worker.poll() is None
        time.sleep(0.005)
    worker.kill()
    worker.wait(30)
    assert not path.exists()
    kept, server.slow = part.stat().st_size, 0.0
    assert kept < len(server.body)
    download.fetch(server.url, path)
    assert path.read_bytes() == server.body
    assert server.asked[1:] == [f"bytes={kept}-"]


def start_worker(url, path):
    package = str(Path(download.__file__).parents[1])
    return subprocess.Popen([sys.executable, "-c", WORKER, package, url, str(path)], env=dict(os.environ))


def test_a_folder_that_is_read_only_is_used_as_it_is(tmp_path, caplog, monkeypatch):
    path = tmp_path / "weights.pt"
    path.write_bytes(BODY)

    def refused(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(download, "_write_record", refused)
    with caplog.at_level(logging.WARNING):
        assert download.verify(path) == SHA256
    assert "cannot be recorded: Permission denied" in caplog.text
