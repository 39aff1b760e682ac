"""Leaves files wherever files are kept: temporary folders, shared memory, home, the submissions, the results.

expected: error
message: reached []
needs: reduced
"""

MARK = ""  # filled in
HOME = ""  # filled in
OTHERS = ""  # filled in
RESULTS = ""  # filled in
CHECKOUT = ""  # filled in


def lstm_cell(*arguments):
    import os
    import tempfile

    folders = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/", "/etc", "/dev/mqueue", "/mnt"]
    folders += [HOME, OTHERS, RESULTS, CHECKOUT, "..", f"{CHECKOUT}/tests/grade", "/sys/fs/cgroup", "/home"]
    reached = []
    for folder in folders:
        for name, make in {
            "file": lambda path: open(path, "w").write("x"),
            "folder": os.mkdir,
            "pipe": os.mkfifo,
            "link": lambda path: os.symlink("/etc", path),
            "hard link": lambda path: os.link(f"{OTHERS}/000-honest.py", path),
            "unnamed": lambda path: os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR),
        }.items():
            try:
                make(f"{folder}/{MARK}-{name.replace(' ', '-')}")
            except OSError:
                continue
            reached.append((folder, name))
    try:
        with tempfile.NamedTemporaryFile() as file:
            if os.path.dirname(os.path.realpath(file.name)) != os.path.realpath("."):
                reached.append(file.name)
    except FileNotFoundError:  # it has no folder at all
        pass
    raise RuntimeError(f"reached {reached}")
