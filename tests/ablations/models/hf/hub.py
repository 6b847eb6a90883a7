"""A hub on this machine: repositories are folders, and each has one commit."""

import hashlib
import http.server
import threading
from collections.abc import Mapping
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REVISIONS = ("main", "v1.0", COMMIT)


class Hub:
    """Serves the files of repositories as the hub does.

    Attributes:
        url: its address.
        asked: method and path of every request.
    """

    def __init__(self, repositories: Mapping[str, Path]) -> None:
        self.repositories, self.asked = repositories, []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append((self.command, self.path))
                place, _, rest = self.path.strip("/").partition("/resolve/")
                revision, _, name = rest.partition("/")
                if place not in hub.repositories:
                    return self.refuse("RepoNotFound")
                if revision not in REVISIONS:
                    return self.refuse("RevisionNotFound")
                file = hub.repositories[place] / name
                if not file.is_file():
                    return self.refuse("EntryNotFound")
                content = file.read_bytes()
                self.send_response(200)
                self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_GET

            def refuse(self, reason):
                self.send_response(404)
                self.send_header("X-Error-Code", reason)
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=lambda: self.http.serve_forever(poll_interval=0.01), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
