"""Raises its limits on memory, files, time and processes, and its priority.

expected: error
message: reached []
"""


def lstm_cell(*arguments):
    import os
    import resource

    reached = []
    kinds = ("AS", "CPU", "FSIZE", "NOFILE", "CORE")
    for name in kinds:
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        for limit in (resource.RLIM_INFINITY, hard + 1):
            try:
                resource.setrlimit(kind, (limit, limit))
            except (OSError, ValueError):
                pass
        if resource.getrlimit(kind)[1] > hard:
            reached.append(name)
    for name, way in {
        "nice": lambda: os.nice(-5),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
        "schedule": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    }.items():
        try:
            way()
        except OSError:
            continue
        reached.append(name)
    raise RuntimeError(f"reached {reached}")
