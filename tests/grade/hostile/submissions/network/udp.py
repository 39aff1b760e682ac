"""Sends datagrams, and asks for a name, which would carry a secret out through the machine's own resolver.

expected: error
message: reached []
needs: reduced
"""

PORT = 0  # filled in


def lstm_cell(*arguments):
    import socket

    def datagram(family, address, flags=0):
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"secret", flags, address)

    ways = {
        "udp": lambda: datagram(socket.AF_INET, ("127.0.0.1", PORT)),
        "udp6": lambda: datagram(socket.AF_INET6, ("::1", PORT)),
        "fast open": lambda: socket.socket().sendto(b"secret", 0x20000000, ("127.0.0.1", PORT)),
        "broadcast": lambda: datagram(socket.AF_INET, ("127.255.255.255", PORT)),
    }
    reached = []
    for name, way in ways.items():
        try:
            way()
        except OSError:
            continue
        reached.append(name)
    raise RuntimeError(f"reached {reached}")
