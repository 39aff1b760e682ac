"""Reads the machine's accounts, logs, home folders and keys.

expected: error
message: reached []
"""

HOME = ""  # filled in


def lstm_cell(*arguments):
    import glob
    import os
    import pwd

    patterns = ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/ssh/*", "/var/log/*", "/root/.*"]
    patterns += [f"{HOME}/.ssh/id_secret", f"{HOME}/.netrc", "/home/*/.ssh/*", "/etc/resolv.conf", "/boot/*"]
    patterns += ["/sys/class/dmi/id/*", "/sys/class/net/*/address", "/run/*", "/var/run/docker.sock"]
    reached = [HOME] if os.path.isdir(HOME) and os.access(HOME, os.R_OK) and listed(HOME) else []
    for pattern in patterns:
        for name in [pattern, *glob.glob(pattern)]:
            try:
                with open(name, "rb") as file:
                    reached.append((name, file.read(20)))
            except OSError:
                pass
    try:
        reached.append(pwd.getpwuid(os.getuid()))
    except (KeyError, OSError):
        pass
    raise RuntimeError(f"reached {reached}")


def listed(folder):
    import os

    try:
        return os.listdir(folder)
    except OSError:
        return []
