"""Show the built site on this machine: `make serve`."""

from __future__ import annotations

import argparse
import errno
import functools
import http.server
import sys
from pathlib import Path

SITE = Path(__file__).resolve().parents[1] / "_build" / "html"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and prints no line per request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    handler = functools.partial(QuietHandler, directory=str(SITE))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            print(
                f"serve: port {port} is in use; choose another: make serve PORT={port + 1}", file=sys.stderr
            )
        else:
            print(
                f"serve: cannot listen on port {port}: expected a free port from 1024 to 65535",
                file=sys.stderr,
            )
        return 1
    with server:
        print(f"http://localhost:{port}  (Ctrl-C stops it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
