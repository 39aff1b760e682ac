"""Imports the package with the answers by every other way: its file, its bytecode, an archive, a new finder.

expected: error
message: reached []
"""

import functools
import glob
import importlib.machinery
import importlib.util
import runpy
import sys
import zipimport

CHECKOUT = ""  # filled in
PACKAGE = bytes.fromhex("636f757273656b6974").decode()  # so that reading the code does not tell


def lstm_cell(*arguments):
    raise RuntimeError(f"reached {attempts()}")


@functools.cache
def attempts():
    base = f"{CHECKOUT}/{PACKAGE}/nn/"
    path = base + "recurrent.py"
    compiled = f"{base}__pycache__/recurrent.cpython-{sys.version_info[0]}{sys.version_info[1]}.pyc"

    def by_loader(loader):
        spec = importlib.util.spec_from_file_location("mine", path, loader=loader)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def without_the_guard():
        sys.meta_path[:] = [f for f in sys.meta_path if f.__class__.__name__ != "NoReferences"]
        sys.path_importer_cache.clear()
        sys.path[:0] = [CHECKOUT]
        return importlib.import_module(f"{PACKAGE}.nn.recurrent")

    def by_an_installed_finder():
        for finder in sys.meta_path:
            module = sys.modules.get(getattr(finder, "__module__", ""))
            for mapping in (getattr(module, "MAPPING", {}), getattr(finder, "MAPPING", {})):
                for folder in mapping.values():
                    return open(f"{folder}/nn/recurrent.py").read()
        raise OSError

    ways = (
        lambda: __import__(PACKAGE),
        lambda: by_loader(importlib.machinery.SourceFileLoader("mine", path)),
        lambda: by_loader(importlib.machinery.SourcelessFileLoader("mine", compiled)),
        lambda: runpy.run_path(path),
        lambda: runpy.run_module(f"{PACKAGE}.nn.recurrent"),
        lambda: zipimport.zipimporter(CHECKOUT),
        lambda: exec(open(path).read(), {}),
        lambda: open(glob.glob(base + "__pycache__/*.pyc")[0], "rb").read(),
        lambda: open(f"{CHECKOUT}/solutions/recurrent.md").read(),
        lambda: open(f"{CHECKOUT}/tests/grade/conftest.py").read(),
        lambda: importlib.import_module(f"{PACKAGE}.grade.exercises.recurrent"),
        by_an_installed_finder,
        without_the_guard,
    )
    reached = []
    for number, way in enumerate(ways):
        try:
            way()
        except (OSError, ImportError, IndexError):
            continue
        reached.append(number)
    return reached
