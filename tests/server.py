"""A server on this machine that cuts, changes, refuses and lies."""

import contextlib
import http.server
import re
import threading
import time

BODY = bytes(range(256)) * 4  # 1 kB


class Server:
    """One file over HTTP, or several.

    Attributes:
        body: of the one file, under any name. bodies: several by name; then others are not found.
        cuts: after how many bytes of the body to end each of the next connections.
        ranges, if_range: whether these headers are honored. failing: statuses of the next answers.
        length: what Content-Length adds to the truth; None is not to say it. location: where to redirect to.
        slow: seconds to wait after each 64 kB. asked: the Range header of every request; statuses: every answer's.
    """

    def __init__(self):
        self.body, self.etag, self.modified = BODY, '"one"', None
        self.cuts, self.ranges, self.if_range, self.length, self.slow = [], True, True, 0, 0.0
        self.failing, self.location = [], None
        self.asked, self.statuses = [], []
        self.bodies: dict[str, bytes] = {}
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if server.bodies:
                    server.body = server.bodies.get(self.path.rsplit("/", 1)[-1])
                if server.body is None:
                    server.statuses.append(404)
                    self.send_error(404)
                else:
                    server.answer(self)

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/folder/weights.pt?download=1"
        threading.Thread(target=lambda: self.http.serve_forever(poll_interval=0.01), daemon=True).start()

    def answer(self, request):
        asked = request.headers.get("Range")
        self.asked.append(asked)
        status = 302 if self.location else self.failing.pop(0) if self.failing else 200
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
        same = not self.if_range or request.headers.get("If-Range") in (self.etag, self.modified)
        if status == 200 and asked and self.ranges and same:
            status = 206 if start < len(self.body) else 416
        self.statuses.append(status)
        request.send_response(status)
        headers = {"ETag": self.etag, "Last-Modified": self.modified, "Location": self.location}
        part = self.body[start:] if status == 206 else self.body if status == 200 else b""
        headers["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}" if status == 206 else None
        headers["Content-Length"] = None if self.length is None else str(len(part) + self.length)
        for name, value in headers.items():
            if value is not None:
                request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            self.send(request, part[: self.cuts.pop(0)] if self.cuts else part)

    def send(self, request, part):
        with contextlib.suppress(ConnectionError):
            for i in range(0, len(part), 1 << 16):
                request.wfile.write(part[i : i + (1 << 16)])
                time.sleep(self.slow)

    def close(self):
        self.http.shutdown()
        self.http.server_close()
