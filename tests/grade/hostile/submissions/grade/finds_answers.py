"""Looks for what an earlier submission of a friend left behind.

expected: error
message: reached []
"""

MARK = ""  # filled in


def lstm_cell(*arguments):
    import builtins
    import os
    import sys

    import torch

    reached = [str(owner) for owner in (torch, torch.Tensor, builtins, sys) if hasattr(owner, "answers")]
    reached += [name for name in os.environ if name == "ANSWERS"]
    try:
        reached += os.listdir(".")
    except PermissionError:  # it has no folder at all
        pass
    for folder in (".", "..", "/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), *sys.path):
        if os.path.exists(f"{folder}/{MARK}-answers"):
            reached.append(folder)
    raise RuntimeError(f"reached {reached}")
