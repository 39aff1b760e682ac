"""Opens terminals, disks, the kernel's memory and its log.

expected: error
message: reached []
"""


def lstm_cell(*arguments):
    import glob
    import os
    import stat

    reached, allowed = [], {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}
    names = {
        "/dev/mem",
        "/dev/kmsg",
        "/dev/tty",
        "/dev/ptmx",
        "/dev/fuse",
        "/dev/kvm",
        "/dev/net/tun",
        "/dev/console",
    }
    for name in (names | set(glob.glob("/dev/*")) | set(glob.glob("/dev/pts/*"))) - allowed:
        for mode in (os.O_RDONLY, os.O_WRONLY):
            try:
                descriptor = os.open(name, mode | os.O_NONBLOCK | os.O_NOCTTY)
            except OSError:
                continue
            reached.append((name, stat.S_IFMT(os.fstat(descriptor).st_mode)))
            os.close(descriptor)
    raise RuntimeError(f"reached {sorted(reached)}")
