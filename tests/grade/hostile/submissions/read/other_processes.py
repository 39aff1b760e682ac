"""Lists the processes of the machine, what they run, and what the system says about itself.

expected: error
message: reached []
"""


def lstm_cell(*arguments):
    import glob
    import os

    reached = glob.glob("/proc/[0-9]*/cmdline")
    for process in (*range(1, 500), os.getpid(), os.getppid()):
        for name in ("cmdline", "status", "comm"):
            try:
                reached.append(open(f"/proc/{process}/{name}").read()[:20])
            except OSError:
                pass
    for name in (
        "/proc/net/tcp",
        "/proc/net/unix",
        "/proc/mounts",
        "/proc/keys",
        "/proc/kallsyms",
        "/proc/cmdline",
    ):
        try:
            reached.append(open(name).read()[:20])
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")
