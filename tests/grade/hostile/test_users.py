"""The attacks once more: as an ordinary user, where there are no namespaces, and through the command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from . import attacks

HERE = Path(__file__).parent
ROOT = Path(__file__).resolve().parents[3]
CORE = ("leave", "network", "read", "stop")  # what depends on who runs it, and not on how answers are judged
TESTS = [f"{HERE / 'test_attacks.py'}::test_every_attack_is_contained[{category}]" for category in CORE]
ATTACKS = [sys.executable, "-P", "-m", "pytest", *TESTS, "-q", "-rs", "-p", "no:cacheprovider"]
IS_ROOT = os.geteuid() == 0

if sys.platform != "linux":
    pytest.skip("users and namespaces of Linux", allow_module_level=True)


def missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what}; CI must not skip this")
    pytest.skip(what)


@pytest.fixture
def as_ordinary_user() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run a command as a user without any privilege, in a home of its own."""
    if not all(map(shutil.which, ("setpriv", "unshare", "mount"))):
        missing("setpriv and unshare of util-linux are needed to become an ordinary user")
    with tempfile.TemporaryDirectory() as folder:  # pytest closes its own folders to others
        os.chmod(folder, 0o755)
        home = Path(folder) / "home"
        home.mkdir()
        environment = {
            "HOME": str(home),
            "TMPDIR": str(home),
            "PATH": os.environ["PATH"],
            "OMP_NUM_THREADS": "1",
        }
        environment |= {name: os.environ[name] for name in ("PYTHONPATH", "CI") if name in os.environ}
        become = ["unshare", "--mount", "sh", str(HERE / "ordinary_user.sh"), str(home)]
        readable = [sys.prefix, sys.base_prefix, str(ROOT)]

        def run(*command: str) -> subprocess.CompletedProcess[str]:
            line = [*become, *readable, "--", *command]
            return subprocess.run(
                line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
            )

        yield run


def subtests_passed(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) subtests passed", done.stdout)
    return int(found[1]) if found else 0


def contained_at_least() -> int:
    """How many attacks of the core are to be contained wherever submissions are locked in at all."""
    return sum(attack.applies("reduced") for category in CORE for attack in attacks.of(category))


CAN_DO = """
import ctypes, os
libc = ctypes.CDLL(None)
can = [name for name in ("/etc/hosts", "/etc", {root!r}, {prefix!r}) if os.access(name, os.W_OK)]
can += ["mount"] * (libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0)
status = [line.split() for line in open("/proc/self/status")]
can += [words[0] for words in status if words[0].startswith("Cap") and int(words[1], 16)]
print(os.getresuid(), os.getgroups(), can)
"""


@pytest.mark.skipif(not IS_ROOT, reason="this whole run is that of an ordinary user")
def test_the_ordinary_user_can_do_nothing_special(
    as_ordinary_user: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = as_ordinary_user(sys.executable, "-c", CAN_DO.format(root=str(ROOT), prefix=sys.prefix))
    assert done.stdout == "(65534, 65534, 65534) [] []\n", done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="this whole run is that of an ordinary user")
def test_every_attack_is_contained_for_an_ordinary_user(
    as_ordinary_user: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = as_ordinary_user(*ATTACKS)
    assert subtests_passed(done) >= contained_at_least(), done.stdout


def test_every_attack_that_needs_no_namespaces_is_contained_without(tmp_path: Path) -> None:
    """Where ordinary users may not make namespaces, which a user namespace can forbid for itself."""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    if subprocess.run(["unshare", "--user", "--map-current-user", "true"], capture_output=True).returncode:
        missing("user namespaces cannot be made here")
    line = [
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        forbid,
        "sh",
        *ATTACKS,
        f"--basetemp={tmp_path / 'own'}",
    ]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert subtests_passed(done) == contained_at_least(), done.stdout
    assert "the level reduced" in done.stdout  # some attacks have said that they need more


def test_a_class_of_attackers_through_the_command(tmp_path: Path) -> None:
    """One row each, full marks for the honest, and reports without control characters or scripts."""
    values = {
        "JUDGE": os.getpid(),
        "HOME": str(tmp_path),
        "MARK": "hostile",
        "PORT": 9,
        "KEY": 4711,
        "SECRETS": [],
    }
    values |= {name: "" for name in ("CHECKOUT", "OTHERS", "RESULTS", "SECRET", "SOCKET", "ABSTRACT", "TEXT")}
    values |= {"OWN_SECRET": ""}
    folder = tmp_path / "class"
    folder.mkdir()
    quick = [a for c in ("grade", "read", "leave", "network") for a in attacks.of(c) if a.seconds is None]
    for number, attack in enumerate(quick):
        (folder / f"{number:03}-attack.py").write_text(attack.filled_in(values), "utf8")
        (folder / f"{number:03}-honest.py").write_text(attacks.HONEST.read_text("utf8"), "utf8")
    (folder / "name\n\x1b[2J.py").write_text("lstm_cell = 3\n")
    rows = {row["submission"]: row for row in grade_class(tmp_path)}
    assert len(rows) == 2 * len(quick) + 1
    for number, attack in enumerate(quick):
        honest, hostile = rows[f"{number:03}-honest.py"], rows[f"{number:03}-attack.py"]
        assert honest["score"] == honest["max_score"], attack.name
        if attack.applies(hostile["isolation"]):
            assert hostile["questions"][0]["status"] in attack.expected, attack.name
    for path in (tmp_path / "out").rglob("*"):
        text = path.read_text("utf8") if path.is_file() else ""
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), path
        assert path.suffix != ".html" or "<script" not in text, path


def test_files_that_attack_the_reader(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What the judge itself reads and walks through cannot hold it up, and costs nobody else the grade."""
    folder = tmp_path / "class"
    for name in ("deep", "many", "links"):
        (folder / name).mkdir(parents=True)
    honest = attacks.HONEST.read_text("utf8")
    blanks = [{"cell_type": "code", "source": (" " * 40_000 + "\n") * 3 + "(\n"}]
    (folder / "blanks.ipynb").write_text(json.dumps({"cells": blanks, "metadata": {}}))
    (folder / "nested.ipynb").write_text('{"cells": ' + "[" * 10**6)
    (folder / "statements.py").write_text(
        "x=y=0\n" + "x+=y;y+=x\n" * 90_000 + "def lstm_cell(*a): return x+y\n"
    )
    (folder / "brackets.py").write_text("x = " + "(" * 10**5 + "\n")
    (folder / "minus.py").write_text("def lstm_cell(*a):\n    return " + "-" * 10**5 + "1\n")
    os.mkfifo(folder / "pipe.py")
    (folder / "links" / "others.py").symlink_to(folder / "zz-honest.py")
    (folder / "links" / "loop").symlink_to(folder / "links")
    for number in range(3000):
        (folder / "many" / f"{number}.py").touch()
    for name in ("sparse.ipynb", "many/sparse.ipynb"):
        with (folder / name).open("wb") as file:
            file.truncate(2**40)
    descend = (
        "import os\nfor _ in range(1800):\n    os.mkdir('d')\n    os.chdir('d')\nopen('hw.py', 'w').close()"
    )
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", folder / "deep"], check=True))  # Python cannot
    subprocess.run([sys.executable, "-c", descend], cwd=folder / "deep", check=True)
    (folder / "aa-honest.py").write_text(honest)
    (folder / "zz-honest.py").write_text(honest)
    begun = time.monotonic()
    rows = {row["submission"]: row for row in grade_class(tmp_path)}
    assert time.monotonic() - begun < 120
    for name, row in rows.items():
        (question,) = row["questions"]
        if name.endswith("honest.py"):
            assert question["score"] == question["max_score"]
        else:
            assert question["score"] == 0 and question["status"] in ("error", "missing"), row
            assert question["message"].isprintable() and len(question["message"]) < 500
    assert len(rows) == len(list(folder.iterdir()))


def grade_class(folder: Path) -> list[dict]:
    """Grade the submissions in `folder`/class by the command that an instructor types."""
    line = [
        sys.executable,
        "-c",
        "from coursekit.cli import main; main()",
        "grade",
        "recurrent.lstm_cell",
        "class",
    ]
    line += ["--json", "results.json", "--out", "out", "--allow-reduced-isolation"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-1000:]
    assert "\x1b" not in done.stdout
    return json.loads((folder / "results.json").read_text("utf8"))
