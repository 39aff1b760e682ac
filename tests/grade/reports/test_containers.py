"""The scripts that the book gives for Gradescope's and PrairieLearn's containers, run as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from coursekit.grade import reports

from .test_platforms import GRADESCOPE, PRAIRIELEARN

PAGE = (Path(__file__).resolve().parents[3] / "book" / "grading" / "20-reports.md").read_text("utf8")
SCRIPTS = [
    block for block in re.findall(r"```bash\n(#!.*?)```", PAGE, re.DOTALL) if "coursekit grade" in block
]
COMMAND = """#!/bin/sh
exec {python} -c "import sys; from coursekit.cli import main; main()" "$@" --allow-reduced-isolation
"""


def run(script: str, submission: dict[str, str], files: str, results: str, root: Path) -> Any:
    """What a script leaves in `results` where a student's `files` are these; all paths lie below `root`."""
    command = root / "opt/coursekit/bin/coursekit"
    for path in (command, root / files / "x", root / results, root / "tmp/x"):
        path.parent.mkdir(parents=True, exist_ok=True)
    command.write_text(COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    for name, text in submission.items():
        (root / files / name).write_text(text, "utf8")
    moved = re.sub(r"(?<=\s)/(?=(autograder|grade|tmp|opt)/)", f"{root}/", script)
    environment = {"PATH": f"{command.parent}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["bash"], input=moved, text=True, capture_output=True, env=environment, cwd=root)
    assert done.returncode == 0, done.stderr
    return json.loads((root / results).read_text())


def test_gradescope(tmp_path: Path, reference_code: str) -> None:
    (script,) = [script for script in SCRIPTS if "gradescope" in script]
    wrong = "import torch\n\ndef lstm_cell(*arguments):\n    return torch.zeros(1)\n"
    files = {"a.py": reference_code, "b.py": wrong}  # two files, one submission; the last definition counts
    found = run(script, files, "autograder/submission", "autograder/results/results.json", tmp_path)
    jsonschema.validate(found, GRADESCOPE)
    status = {test["name"]: test["status"] for test in found["tests"]}
    assert status["lstm_gates"] == "passed" and status["lstm_cell"] == "failed"
    assert 0 < found["score"] < found["extra_data"]["max_score"]


def test_prairielearn(tmp_path: Path, reference_code: str) -> None:
    (script,) = [script for script in SCRIPTS if "prairielearn" in script]
    files = {"lstm_cell.py": reference_code}
    found = run(script, files, "grade/student", "grade/results/results.json", tmp_path)
    jsonschema.validate(found, PRAIRIELEARN)
    assert found["gradable"] and found["score"] == 1
    assert [test["name"] for test in found["tests"]] == ["lstm_cell"]


@pytest.mark.parametrize("format", reports.FORMATS)
def test_the_page_names_every_format(format: str) -> None:
    assert f"\n| `{format}` |" in PAGE
