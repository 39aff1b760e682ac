"""Imports run one way, and what is not needed is not loaded."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import coursekit

PACKAGE = Path(coursekit.__file__).parent

# What a part may import beside itself. `data` and `nn` know nothing of each other, nor of what uses them.
BASE = {"", "records"}  # "" is coursekit itself, its version
TRAINING = {"train", "checkpoint", "device", "history", "progress", "metrics", "optim", "search"}
BELOW = {"data", "nn"} | TRAINING | BASE
ALLOWED = {
    "": set(),
    "records": set(),
    "data": BASE,
    "nn": BASE,
    **{part: BELOW for part in TRAINING},
    "show": BELOW,
    "grade": BELOW,
    "doctor": BELOW | {"show", "grade"},
    "cli": BELOW | {"show", "grade", "doctor"},
}


def part_of(module: str) -> str:
    """coursekit.nn.recurrent -> nn"""
    return module.split(".")[1] if "." in module else ""


def imports(path: Path, package: Path) -> Iterator[str]:
    """Full names of all modules that a file imports, those inside functions included."""
    folders = path.relative_to(package.parent).parent.parts  # ("coursekit", "nn")
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = folders[: len(folders) - node.level + 1] if node.level else ()
            module = ".".join([*origin, *([node.module] if node.module else [])])
            yield module
            if module == "coursekit":  # `from coursekit import nn`
                parts = {child.stem for child in package.iterdir()}
                yield from (f"coursekit.{alias.name}" for alias in node.names if alias.name in parts)


def trespasses(package: Path) -> list[str]:
    found = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package.parent).with_suffix("").as_posix().replace("/", ".")
        own = part_of(name.removesuffix(".__init__"))
        for module in imports(path, package):
            if module.split(".")[0] == "coursekit" and part_of(module) not in ALLOWED[own] | {own}:
                found.append(f"{name} imports {module}")
            if module.split(".")[0] == "matplotlib" and own != "show":
                found.append(f"{name} imports {module}: only coursekit.show does")
    return found


def test_every_part_has_its_place() -> None:
    files = (
        child for child in PACKAGE.iterdir() if child.suffix == ".py" or (child / "__init__.py").exists()
    )
    assert {child.stem for child in files} - {"__init__"} == set(ALLOWED) - {""}


def test_imports_run_one_way() -> None:
    assert trespasses(PACKAGE) == []


@pytest.mark.parametrize(
    ("path", "line", "trespass"),
    [
        ("nn/rnn.py", "from coursekit.data import text", "coursekit.nn.rnn imports coursekit.data"),
        ("nn/rnn.py", "from ..data.text import pad", "coursekit.nn.rnn imports coursekit.data.text"),
        ("nn/__init__.py", "from coursekit import data", "coursekit.nn.__init__ imports coursekit.data"),
        ("data/text.py", "def f():\n    import coursekit.nn", "coursekit.data.text imports coursekit.nn"),
        ("train.py", "from . import show", "coursekit.train imports coursekit.show"),
        ("metrics.py", "import coursekit.cli", "coursekit.metrics imports coursekit.cli"),
        ("show/curves.py", "from ..grade import check", "coursekit.show.curves imports coursekit.grade"),
        ("__init__.py", "from coursekit import train", "coursekit.__init__ imports coursekit.train"),
        ("nn/losses.py", "from matplotlib import pyplot", "coursekit.nn.losses imports matplotlib: only"),
    ],
)  # fmt: skip
def test_the_guard_sees_a_trespass(tmp_path: Path, path: str, line: str, trespass: str) -> None:
    package = tmp_path / "coursekit"
    for part in ("data", "nn", "show", "grade", "train"):
        (package / part).mkdir(parents=True)
    (package / path).write_text(line)
    [found] = trespasses(package)
    assert found.startswith(trespass)


def loaded_by(*modules: str) -> set[str]:
    """What a fresh interpreter has loaded after the imports."""
    program = f"import {', '.join(modules)}, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_coursekit_loads_no_torch() -> None:
    assert {"torch", "numpy"} & loaded_by("coursekit") == set()


def test_nn_loads_neither_pictures_nor_data() -> None:
    loaded = loaded_by(
        "coursekit.nn", *(f"coursekit.nn.{file.stem}" for file in (PACKAGE / "nn").glob("*.py"))
    )
    assert "torch" in loaded
    assert {"torchvision", "matplotlib", "sklearn", "coursekit.data", "coursekit.train"} & loaded == set()


def test_train_loads_no_progress_bar_before_one_is_drawn() -> None:
    assert {"rich", "matplotlib", "IPython"} & loaded_by("coursekit.train") == set()
