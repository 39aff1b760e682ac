"""Asks the system to run something later: cron, profiles, autostart, the kernel's hooks.

expected: error
message: reached []
needs: reduced
"""

HOME = ""  # filled in
MARK = ""  # filled in


def lstm_cell(*arguments):
    import os

    reached = []
    for path in (
        f"/etc/cron.d/{MARK}",
        f"/var/spool/cron/{MARK}",
        f"/etc/profile.d/{MARK}.sh",
        f"/etc/ld.so.conf.d/{MARK}.conf",
        f"{HOME}/.bashrc",
        f"{HOME}/.config/autostart/{MARK}.desktop",
        f"{HOME}/.ipython/profile_default/startup/{MARK}.py",
    ):
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "a") as file:
                file.write("")
            reached.append(path)
        except OSError:
            pass
    for path in (  # opened for writing only, never written
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/kernel/hostname",
        "/proc/self/oom_score_adj",
        "/proc/self/uid_map",
        "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/memory/tasks",
    ):
        try:
            os.close(os.open(path, os.O_WRONLY))
            reached.append(path)
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")
