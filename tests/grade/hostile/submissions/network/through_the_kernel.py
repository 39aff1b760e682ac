"""Has the kernel open the connection: a ring of requests, a descriptor of another process, an inherited one.

expected: error
message: reached []
needs: reduced
"""

JUDGE = 0  # filled in


def lstm_cell(*arguments):
    import ctypes
    import os
    import platform
    import socket

    assert platform.machine() in ("x86_64", "aarch64")
    libc = ctypes.CDLL(None, use_errno=True)
    parameters = ctypes.create_string_buffer(120)
    reached = []
    if libc.syscall(ctypes.c_long(425), ctypes.c_long(8), parameters) >= 0:
        reached.append("a ring of requests")
    if libc.syscall(ctypes.c_long(434), ctypes.c_long(JUDGE), ctypes.c_long(0)) >= 0:
        reached.append("a handle of the judge")
    for descriptor in range(256):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as inherited:
                reached.append((descriptor, inherited.getsockname()))
        except OSError:
            pass
    for name in ("/dev/tcp/127.0.0.1/80", "/proc/net/tcp", "/dev/vsock", "/dev/net/tun"):
        try:
            reached.append(open(name).read(10))
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")
