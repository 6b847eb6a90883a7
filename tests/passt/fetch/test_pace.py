"""Servers that send a byte now and then are not waited for without end."""

import contextlib
import socket
import threading
import time

import pytest

from passt.fetch import download, pace
from passt.fetch.pace import Pace

pytestmark = pytest.mark.usefixtures("soon_and_directly")
HEADERS = b'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: "a"\r\n\r\n'


@pytest.fixture
def dripping():
    """The address of a server that sends what `at_once` has, and then a byte every 20 ms."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        over = threading.Event()
        stack.callback(over.set)

        def start(at_once: bytes) -> str:
            def drip(connection: socket.socket) -> None:
                with connection, contextlib.suppress(OSError):
                    connection.recv(1 << 16)
                    connection.sendall(at_once)
                    while not over.wait(0.02):
                        connection.sendall(b"x")

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

            threading.Thread(target=serve, daemon=True).start()
            return f"http://127.0.0.1:{listening.getsockname()[1]}/weights.pt"

        yield start


def test_a_body_that_comes_byte_by_byte_is_given_up(dripping, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "SLOW_S", 0.2)
    start = time.monotonic()
    with pytest.raises(OSError, match=r"the server sent \d+ bytes in 0 s, expected at least 1000 a second"):
        download.fetch(dripping(HEADERS), tmp_path / "weights.pt")
    assert time.monotonic() - start < 5
    assert 0 < (tmp_path / "weights.pt.part").stat().st_size < 100


def test_a_slow_server_can_be_allowed(monkeypatch):
    monkeypatch.setattr(pace, "SLOW_S", 0.01)
    impatient = Pace()
    time.sleep(0.02)
    with pytest.raises(OSError, match="the server sent 1 bytes"):
        impatient.check(1)
    monkeypatch.setenv("PASST_SLOWEST", "0")
    patient = Pace()
    time.sleep(0.02)
    patient.check(1)
    monkeypatch.setenv("PASST_SLOWEST", "fast")
    with pytest.raises(OSError, match="PASST_SLOWEST must be a number of bytes a second, got 'fast'"):
        Pace()


def test_headers_that_come_byte_by_byte_are_given_up(dripping, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "ANSWER_S", 0.2)
    with pytest.raises(OSError, match=r"no answer in 0.2 s"):
        download.fetch(dripping(b"HTTP/1.1 200 OK\r\nX: "), tmp_path / "weights.pt")
