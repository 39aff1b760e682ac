"""Makes ninety system calls that nobody needs for homework, with arguments that do no harm if one works.

expected: error
message: reached []
needs: reduced
"""

# number on x86_64, number on aarch64, arguments
CALLS = {
    "unshare": (272, 97, 0x10000000),
    "setns": (308, 268, 0, 0),
    "mount": (165, 40, 0, 0, 0, 0, 0),
    "umount": (166, 39, 0, 0),
    "mount_setattr": (442, 442, -1, 0, 0, 0, 0),
    "fsopen": (430, 430, 0, 0),
    "open_tree": (428, 428, -100, 0, 0),
    "move_mount": (429, 429, -1, 0, -1, 0, 0),
    "pivot_root": (155, 41, 0, 0),
    "chroot": (161, 51, 0),
    "reboot": (169, 142, 0, 0, 0, 0),
    "kexec_load": (246, 104, 0, 0, 0, 0),
    "init_module": (175, 105, 0, 0, 0),
    "delete_module": (176, 106, 0, 0),
    "swapon": (167, 224, 0, 0),
    "swapoff": (168, 225, 0),
    "acct": (163, 89, 0),
    "sethostname": (170, 161, 0, 0),
    "setdomainname": (171, 162, 0, 0),
    "settimeofday": (164, 170, 0, 0),
    "clock_settime": (227, 112, 0, 0),
    "clock_adjtime": (305, 266, 0, 0),
    "adjtimex": (159, 171, 0),
    "syslog": (103, 116, 10, 0, 0),
    "bpf": (321, 280, 0, 0, 0),
    "perf_event_open": (298, 241, 0, 0, -1, -1, 0),
    "userfaultfd": (323, 282, 1),
    "io_uring_setup": (425, 425, 1, 0),
    "io_uring_enter": (426, 426, -1, 0, 0, 0, 0, 0),
    "io_setup": (206, 0, 1, 0),
    "add_key": (248, 217, 0, 0, 0, 0, -3),
    "request_key": (249, 218, 0, 0, 0, 0),
    "keyctl": (250, 219, 0, -3, 0),
    "ptrace": (101, 117, 0, 0, 0, 0),
    "process_vm_readv": (310, 270, 1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 271, 1, 0, 0, 0, 0, 0),
    "process_madvise": (440, 440, -1, 0, 0, 0, 0),
    "pidfd_open": (434, 434, 1, 0),
    "pidfd_getfd": (438, 438, -1, 0, 0),
    "pidfd_send_signal": (424, 424, -1, 0, 0, 0),
    "kcmp": (312, 272, 1, 1, 0, 0, 0),
    "execve": (59, 221, 0, 0, 0),
    "execveat": (322, 281, -1, 0, 0, 0, 0),
    "setsid": (112, 157),
    "setpgid": (109, 154, 0, 0),
    "setuid": (105, 146, 0),
    "setgid": (106, 144, 0),
    "setresuid": (117, 147, -1, -1, -1),
    "setgroups": (116, 159, 0, 0),
    "setfsuid": (122, 151, -1),
    "capset": (126, 91, 0, 0),
    "personality": (135, 92, 0xFFFFFFFF),
    "setpriority": (141, 140, 0, 0, 0),
    "sched_setscheduler": (144, 119, 0, 0, 0),
    "sched_setaffinity": (203, 122, 0, 0, 0),
    "sched_setattr": (314, 274, 0, 0, 0),
    "ioprio_set": (251, 30, 1, 0, 0),
    "memfd_create": (319, 279, 0, 0),
    "memfd_secret": (447, 447, 0),
    "shmget": (29, 194, 0, 4096, 0o1600),
    "semget": (64, 190, 0, 1, 0o1600),
    "msgget": (68, 186, 0, 0o1600),
    "mq_open": (240, 180, 0, 0, 0, 0),
    "inotify_init1": (294, 26, 0),
    "fanotify_init": (300, 262, 0, 0),
    "timerfd_create": (283, 85, 1, 0),
    "timer_create": (222, 107, 1, 0, 0),
    "signalfd4": (289, 74, -1, 0, 8, 0),
    "socket": (41, 198, 1, 1, 0),
    "socketpair": (53, 199, 1, 1, 0, 0),
    "chmod": (90, 0, 0, 0),
    "fchmodat": (268, 53, -100, 0, 0),
    "fchmodat2": (452, 452, -100, 0, 0, 0),
    "chown": (92, 0, 0, 0, 0),
    "fchownat": (260, 54, -100, 0, 0, 0, 0),
    "utimensat": (280, 88, -100, 0, 0, 0),
    "setxattr": (188, 5, 0, 0, 0, 0, 0),
    "mknodat": (259, 33, -100, 0, 0o10600, 0),
    "linkat": (265, 37, -100, 0, -100, 0, 0),
    "symlinkat": (266, 36, 0, -100, 0),
    "truncate": (76, 45, 0, 0),
    "name_to_handle_at": (303, 264, -100, 0, 0, 0, 0),
    "open_by_handle_at": (304, 265, -1, 0, 0),
    "lookup_dcookie": (212, 18, 0, 0, 0),
    "quotactl": (179, 60, 0, 0, 0, 0),
    "sync": (162, 81),
    "syncfs": (306, 267, -1),
    "vhangup": (153, 58),
    "iopl": (172, 0, 3),
    "ioperm": (173, 0, 0x80, 1, 1),
    "modify_ldt": (154, 0, 0, 0, 0),
    "mbind": (237, 235, 0, 0, 0, 0, 0, 0),
    "migrate_pages": (256, 238, 0, 0, 0, 0),
    "seccomp": (317, 277, 2, 0, 0),
    "landlock_create_ruleset": (444, 444, 0, 0, 1),
    "tee": (276, 77, -1, -1, 0, 0),
    "splice": (275, 76, -1, 0, -1, 0, 0, 0),
    "vmsplice": (278, 75, -1, 0, 0, 0),
}


def lstm_cell(*arguments):
    import ctypes
    import errno
    import platform

    libc = ctypes.CDLL(None, use_errno=True)
    machine = ("x86_64", "aarch64").index(platform.machine())
    reached = []
    for name, call in CALLS.items():
        number, values = call[machine], call[2:]
        if number == 0:  # there is no such call on this machine
            continue
        ctypes.set_errno(0)
        libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in values))
        if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            reached.append(name)
    raise RuntimeError(f"reached {reached}")
