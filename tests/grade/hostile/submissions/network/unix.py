"""Speaks to a server of this machine over a Unix socket with a path, and over one without.

expected: error
message: reached []
needs: reduced
"""

SOCKET = ""  # filled in
ABSTRACT = ""  # filled in


def lstm_cell(*arguments):
    import socket

    reached = []
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for address in (SOCKET, "\0" + ABSTRACT, "/run/docker.sock", "/dev/log", "/run/systemd/notify"):
            try:
                with socket.socket(socket.AF_UNIX, kind) as client:
                    client.connect(address)
                    client.send(b"secret")
                reached.append(address)
            except OSError:
                pass
    raise RuntimeError(f"reached {reached}")
