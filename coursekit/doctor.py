"""`coursekit doctor`: what is installed, what this machine has, and the line that mends what is missing."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import coursekit

OLDEST_PYTHON = (3, 11)
LITTLE_SPACE = 2 * 10**9  # bytes: more than the course's largest data set takes while it is unpacked
MOST_FILES = 20
TRIAL_SECONDS = 60
OPTIONAL = {"book": "to build the site", "test": "to run the tests"}
COLORS = {"ok": "green", "note": "yellow", "missing": "bold red"}


@dataclass(frozen=True)
class Finding:
    """One line of the report. `missing`: the course cannot do without it; `note`: worth knowing."""

    name: str
    value: str
    state: Literal["ok", "note", "missing"] = "ok"
    mend: str | None = None  # a line to type, or what to do


def examine() -> list[Finding]:
    """All findings, also where PyTorch or something else is missing."""
    return [*python(), *packages(), *devices(), *grading(), *data()]


def python() -> Iterator[Finding]:
    version = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding("python", version)
    else:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield Finding(
            "python", version, "missing", f"install Python {oldest} or newer: https://www.python.org"
        )


def packages() -> Iterator[Finding]:
    """What pyproject.toml asks for, as the metadata of the installed package has it."""
    yield Finding("coursekit", coursekit.__version__)
    try:
        requirements = metadata.requires("coursekit") or []
    except metadata.PackageNotFoundError:
        mend = f"{pip()} --no-deps --editable .   (in the course's folder)"
        yield Finding("coursekit", "imported from a folder, but not installed", "missing", mend)
        return
    lacking: dict[str, list[str]] = {extra: [] for extra in OPTIONAL}
    for requirement in requirements:
        name, oldest, extra = parse(requirement)
        version = installed_version(name)
        if extra and version is None:
            lacking[extra].append(name)
        if extra:
            continue
        mend = f'{pip()} "{requirement}"'
        if version is None:
            yield Finding(name, "not installed", "missing", mend)
        elif release(version) < release(oldest):
            yield Finding(name, f"{version}, older than {oldest}", "missing", mend)
        else:
            yield Finding(name, version)
    for extra, names in lacking.items():
        if names:
            yield Finding(OPTIONAL[extra], f"not installed: {', '.join(names)}", "note", "make setup")


def parse(requirement: str) -> tuple[str, str, str | None]:
    """'numpy>=2; extra == "test"' -> ("numpy", "2", "test")."""
    name = re.match(r"[\w.-]+", requirement)
    oldest = re.search(r">=\s*([\d.]+)", requirement.partition(";")[0])
    extra = re.search(r"extra == .(\w+)", requirement)
    return name[0] if name else requirement, oldest[1] if oldest else "0", extra[1] if extra else None


def release(version: str) -> list[int]:
    """What can be compared: "2.13.0+cpu" -> [2, 13, 0]."""
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])]


def installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def pip() -> str:
    return f"{shlex.quote(sys.executable)} -m pip install"


def devices() -> Iterator[Finding]:
    if installed_version("torch") is None:
        return
    try:
        import torch

        from coursekit.device import pick_device
    except (ImportError, OSError) as error:
        reason = str(error).partition("\n")[0]
        yield Finding("torch", f"does not start: {reason}", "missing", f"{pip()} --force-reinstall torch")
        return
    yield Finding("cpu", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads in PyTorch")
    for card in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        found = torch.cuda.get_device_properties(card)
        yield Finding(f"cuda:{card}", f"{found.name}, {size(found.total_memory)}")
    if torch.backends.mps.is_available():
        yield Finding("mps", "Apple GPU")
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        built = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is built without CUDA"
        mend = "nvidia-smi   (does it list a card?), then https://pytorch.org/get-started/locally"
        yield Finding(
            "cuda", f"there is an NVIDIA driver, but PyTorch {built} and sees no card", "note", mend
        )
    yield Finding("device", f"auto = {pick_device()}")


def grading() -> Iterator[Finding]:
    """How far a submission can be locked in. Tried in a process of its own, which does not come out again."""
    if os.name != "posix":
        yield Finding("grading", "needs Linux or macOS", "note", "the Windows Subsystem for Linux has one")
        return
    command = [sys.executable, "-m", "coursekit.grade.jail"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=TRIAL_SECONDS)
    level = tried.stdout.strip() or "unknown"
    value = f"submissions are isolated: {level}"
    if level == "full":
        yield Finding("grading", value)
    else:
        yield Finding("grading", value, "note", "Linux with user namespaces and Landlock; or grade with care")


def data() -> Iterator[Finding]:
    """The folder of fetched files, which need not exist yet."""
    try:
        from coursekit.data.download import data_home
    except ImportError:
        return  # the missing package is on the list already
    home = data_home()
    elsewhere = "export COURSEKIT_DATA=/a/folder/of/yours"
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    if not writable(place):
        yield Finding("data", f"{home} cannot be written", "missing", elsewhere)
    elif place != home:
        yield Finding("data", f"{home}, made by the first download")
    else:
        yield Finding("data", f"{home}, writable")
        sizes = {entry.name: bytes_in(entry) for entry in sorted(home.iterdir())}
        for name, total in list(sizes.items())[:MOST_FILES]:
            yield Finding(f"data/{name}", size(total) + (", unfinished" if name.endswith(".part") else ""))
        if len(sizes) > MOST_FILES:
            rest = list(sizes.values())[MOST_FILES:]
            yield Finding("data/...", f"{size(sum(rest))} in {len(rest)} more")
    free = shutil.disk_usage(place).free
    if free < LITTLE_SPACE:
        yield Finding("disk", f"{size(free)} free, too little for the larger data sets", "note", elsewhere)
    else:
        yield Finding("disk", f"{size(free)} free")


def writable(folder: Path) -> bool:
    """Tried, not asked: permissions say little on a read-only file system."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def bytes_in(entry: Path) -> int:
    files = (file for file in entry.rglob("*")) if entry.is_dir() else iter([entry])
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def size(count: float) -> str:
    """A number of bytes for people: 1234567 -> "1.2 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def doctor_command(as_json: bool = False) -> int:
    """Print the report; return the exit status, 1 when something needed is missing."""
    findings = examine()
    missing = [finding for finding in findings if finding.state == "missing"]
    if as_json:
        print(
            json.dumps({"ok": not missing, "findings": [asdict(finding) for finding in findings]}, indent=1)
        )
    else:
        show(findings)
    return 1 if missing else 0


def show(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        state = "" if finding.state == "ok" else finding.state
        table.add_row(Text(finding.name, "bold"), Text(state, COLORS[finding.state]), Text(finding.value))
    console.print(table)
    console.print()
    for finding in findings:
        if finding.mend:
            console.print(f"{finding.name}: ", style=COLORS[finding.state], end="")
            console.print(finding.mend, markup=False, soft_wrap=True)  # in one piece, to be copied
    if all(finding.state != "missing" for finding in findings):
        console.print("All that the course needs is there.", style=COLORS["ok"])
