"""Leaves files, folders and pipes in the folder that it may write in.

expected: failed
"""


def lstm_cell(x, h, c, *parameters):
    import contextlib
    import os

    with contextlib.suppress(OSError):
        os.makedirs("left/behind", exist_ok=True)
        open("left/behind/note.py", "a").write("x = 1")
        open("torch.py", "w").write("raise SystemExit")
        open("numpy.py", "w").write("raise SystemExit")
        os.chdir("left")
    return 0 * h, 0 * c
