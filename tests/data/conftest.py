"""A web server on this machine that misbehaves in the way a test asks for."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from coursekit.data import download

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Sends `content` at any path by way of `answer`, and notes the range each request asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.sha256 = SHA256
        self.answer: Callable[[Handler], None] = Handler.obey
        self.ranges: list[int | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/data/set.bin"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that has gone is part of these tests


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.server.ranges.append(self.start if asked else None)
        self.server.answer(self)

    def head(self, code: int, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def obey(self, until: int | None = None) -> None:
        """A good server, which hangs up at byte `until`."""
        content, start = self.server.content, self.start
        if start and start >= len(content):
            self.head(416, Content_Range=f"bytes */{len(content)}")
        elif start:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.head(206, Content_Length=len(content) - start, Content_Range=span)
            self.wfile.write(content[start:until])
        else:
            self.head(200, Content_Length=len(content))
            self.wfile.write(content[:until])

    def ignore_range(self, until: int | None = None) -> None:
        self.start = 0
        self.obey(until)

    def stall(self, until: int, seconds: float) -> None:
        """Go silent at byte `until`."""
        self.obey(until)
        self.wfile.flush()
        time.sleep(seconds)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty data folder, no proxy between the tests and their server, and short pauses."""
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    return tmp_path / "home"
