"""Changes the Python that runs everybody's code: .pth files, sitecustomize, bytecode, torch's own files.

expected: error
message: reached []
needs: reduced
"""

MARK = ""  # filled in


def lstm_cell(*arguments):
    import importlib.util
    import os
    import site
    import sys
    import sysconfig

    import torch

    folders = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib", "scripts")}
    folders |= {os.path.dirname(torch.__file__), site.getusersitepackages(), sys.prefix, sys.base_prefix}
    reached = []
    for folder in folders:
        for name in (f"{MARK}.pth", f"{MARK}.py"):
            try:
                open(os.path.join(folder, name), "w").write("import os")
                reached.append((folder, name))
            except OSError:
                pass
    for module in (torch, os, site):
        for path in (module.__file__, importlib.util.cache_from_source(module.__file__)):
            try:
                open(path, "ab").close()
                reached.append(path)
            except OSError:
                pass
            for change in (
                lambda p: os.rename(p, p + MARK),
                lambda p: os.link(p, p + MARK),
                lambda p: os.truncate(p, os.stat(p).st_size),
            ):
                try:
                    change(path)
                    reached.append(path)
                except OSError:
                    pass
    raise RuntimeError(f"reached {reached}")
