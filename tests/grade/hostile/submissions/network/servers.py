"""Opens servers, so that someone outside can connect to it.

expected: error
message: reached []
needs: reduced
"""

MARK = ""  # filled in


def lstm_cell(*arguments):
    import http.server
    import multiprocessing.connection
    import socket

    def listens(family, address):
        with socket.socket(family) as server:
            server.bind(address)
            server.listen()

    ways = {
        "tcp": lambda: listens(socket.AF_INET, ("127.0.0.1", 0)),
        "unix": lambda: listens(socket.AF_UNIX, "own"),
        "abstract": lambda: listens(socket.AF_UNIX, "\0" + MARK),
        "http": lambda: http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler),
        "listener": lambda: multiprocessing.connection.Listener(),
        "pair": lambda: socket.socketpair(),
    }
    reached = []
    for name, way in ways.items():
        try:
            way()
        except OSError:
            continue
        reached.append(name)
    raise RuntimeError(f"reached {reached}")
