"""Changes the modes, owners, times and attributes of files that belong to the judge and to other students.

expected: error
message: reached []
needs: reduced
"""

OTHERS = ""  # filled in
RESULTS = ""  # filled in
SECRET = ""  # filled in


def lstm_cell(*arguments):
    import os

    reached = []
    for path in (SECRET, f"{OTHERS}/000-honest.py", OTHERS, RESULTS, "."):
        changes = {
            "utime": lambda p: os.utime(p, (0, 0)),
            "chmod": lambda p: os.chmod(p, 0o640),
            "chown": lambda p: os.chown(p, os.getuid(), os.getgid()),
            "setxattr": lambda p: os.setxattr(p, "user.left", b"x"),
            "truncate": lambda p: os.truncate(p, 0),
            "unlink": os.unlink,
            "rmdir": os.rmdir,
        }
        for name, change in changes.items():
            try:
                change(path)
            except OSError:
                continue
            if path != ".":  # what it does in its own folder is gone with it
                reached.append((name, path))
    raise RuntimeError(f"reached {reached}")
