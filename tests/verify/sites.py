# SPDX-License-Identifier: Apache-2.0
"""Published logs for the tests of the auditor's room: in memory, as folders, and behind a web server."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote


class Web:
    """A web server for files, which may also misbehave. ``served`` lists the paths that were asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.odd: dict[str, bytes] = {}  # path → a whole answer, as it goes over the wire
        self.failing: dict[str, int] = {}  # path → so many more answers with status 503
        self.served: list[str] = []
        self.url = ""

    def answer(self, path: str) -> bytes:
        self.served.append(path)
        if path in self.odd:
            return self.odd[path]
        if self.failing.get(path, 0):
            self.failing[path] -= 1
            return b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        data = self.files.get(path)
        if data is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


@contextmanager
def serving(files: Mapping[str, bytes], tls: ssl.SSLContext | None = None, base: str = "/logs/gw-1") -> Iterator[Web]:
    """Serve files below ``base`` on a free loopback port until the block ends."""
    web = Web(files)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = web.answer(unquote(self.path).removeprefix(f"{base}/"))
            self.close_connection = b"Connection: close" in answer
            self.wfile.write(answer)

        def log_message(self, *_words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    web.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}{base}"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def write_folder(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write a published log as a folder."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root
