"""Makes links in its own folder to files that it may not open, and opens those.

expected: error
message: reached []
"""

OTHERS = ""  # filled in


def lstm_cell(*arguments):
    import os

    reached = []
    for target in (f"{OTHERS}/000-honest.py", "/etc/passwd", "/proc/self/environ"):
        for make in (os.symlink, os.link, os.rename):
            name = f"{make.__name__}-{target.replace('/', '-')}"
            try:
                make(target, name)
                reached.append((make.__name__, open(name).read()[:20]))
            except OSError:
                pass
    raise RuntimeError(f"reached {reached}")
