"""Whatever a submission prints or raises, the reports for students hold no argument it was called with."""

from __future__ import annotations

import re
from pathlib import Path

from coursekit.grade import reports
from coursekit.grade.exam import make_exam
from coursekit.grade.exercises import select
from coursekit.grade.grading import grade_to_row
from coursekit.grade.process import Worker
from coursekit.grade.sources import find_sources

from .classes import RUN

FORMATS = ["html", "text", "gradescope", "prairielearn", "lti", "junit", "statistics"]
SPY = """
import torch

def lstm_gates(*arguments):
    torch.set_printoptions(precision=10, threshold=100000, sci_mode=False)
    for argument in arguments:
        print(argument, argument.tolist(), repr(argument.sum().item()), argument.detach().numpy())
    return arguments

def lstm_cell(*arguments):
    raise ValueError(str([argument.tolist() for argument in arguments]))

def lstm_cell_backward(*arguments):
    raise NotImplementedError(' '.join(str(argument.tolist()) for argument in arguments))
"""


def test_no_argument_of_the_exam_is_in_any_report_for_students(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "spy.py").write_text(SPY)
    exams = [make_exam(exercise, "a key") for exercise in select("recurrent.lstm")]
    graded = grade_to_row(worker, exams, find_sources([tmp_path / "spy.py"])[0])
    values = {
        float(value)
        for exam in exams
        for check in exam.checks
        for argument in check.case.arguments
        for value in argument.flatten()
    }
    spellings = {f"{abs(value):.{digits}f}" for value in values for digits in (4, 6)}
    spellings = {text for text in spellings if len(text.strip("0.")) > 3}
    assert len(spellings) > 1000

    def leaked(text: str) -> set[str]:
        numbers = set(re.findall(r"\d+\.\d{4}", text)) | set(re.findall(r"\d+\.\d{6}", text))
        return numbers & spellings

    raw = " ".join(question["output"] + question["message"] for question in graded["questions"])
    assert leaked(raw), "the spy printed nothing, so this test would show nothing"
    for path in reports.write_reports(tmp_path / "out", RUN, [graded], FORMATS):
        assert not leaked(path.read_text("utf8")), path
