"""Connects over TCP, to send away what it has seen.

expected: error
message: reached []
needs: reduced
"""

PORT = 0  # filled in


def lstm_cell(*arguments):
    import asyncio
    import errno
    import socket
    import urllib.request

    def connects(address):
        client = socket.socket()
        client.setblocking(False)
        if client.connect_ex(address) not in (0, errno.EINPROGRESS):
            raise OSError

    async def by_asyncio():
        await asyncio.open_connection("127.0.0.1", PORT)

    ways = {
        "socket": lambda: socket.create_connection(("127.0.0.1", PORT), timeout=1),
        "v6": lambda: socket.create_connection(("::1", PORT), timeout=1),
        "non-blocking": lambda: connects(("127.0.0.1", PORT)),
        "http": lambda: urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=1),
        "asyncio": lambda: asyncio.run(by_asyncio()),
    }
    reached = []
    for name, way in ways.items():
        try:
            way()
        except OSError:
            continue
        reached.append(name)
    raise RuntimeError(f"reached {reached}")
