"""Walks out of its folder: "..", /proc/self/root, /proc/self/cwd, its descriptors, other processes' roots.

expected: error
message: reached []
"""


def lstm_cell(*arguments):
    import os

    reached, own = [], os.path.dirname(os.getcwd())
    try:  # it may see the folder that its own is in, where there is nothing else
        reached += [name for name in os.listdir(own) if name != os.path.basename(os.getcwd())]
    except PermissionError:
        pass
    starts = ["..", "../../..", "/proc/self/root", "/proc/self/cwd/..", "/proc/1/root", "/proc/1/cwd", "/"]
    starts += [f"/proc/{os.getppid()}/root", *(f"/proc/self/fd/{number}/.." for number in range(8))]
    for start in starts:
        for way in (os.listdir, os.chdir):
            try:
                target = os.path.realpath(start)
                way(start)
                if target != own:
                    reached.append((start, os.listdir(".")))
            except OSError:
                pass
        try:
            reached.append(open(f"{start}/etc/passwd").read()[:20])
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")
