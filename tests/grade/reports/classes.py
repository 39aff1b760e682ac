"""Records of classes: as grading writes them, and as hostile as a student can make them."""

from __future__ import annotations

from collections.abc import Sequence

from coursekit.grade.record import QuestionRow, Row, Run

RUN: Run = {
    "target": "recurrent",
    "target_digest": "",
    "seed": "the-seed-of-autumn",
    "isolation": "full",
    "coursekit": "0.3.0",
    "torch": "2.13.0",
    "python": "3.11.9",
    "started": "2026-11-21T09:58:12+00:00",
}
GATES = ("the input gate i", "the forget gate f", "the candidate g", "the output gate o")
STATES = ("the hidden state h", "the cell state c")


def question(
    function: str = "lstm_cell",
    status: str = "passed",
    *,
    parts: Sequence[str] = STATES,
    right: Sequence[int] = (),
    mistake: str | None = None,
    message: str = "",
    advice: str = "",
    output: str = "",
) -> QuestionRow:
    """A row as grading makes it: parts, and points for them, only where something was compared."""
    compared = status in ("passed", "failed")
    good = set(range(len(parts)) if status == "passed" else right)
    return {
        "id": f"recurrent.{function}",
        "score": float(len(good)) if compared else 0.0,
        "max_score": float(len(parts)),
        "status": status,
        "mistake": mistake,
        "message": message,
        "advice": advice,
        "parts": [{"name": n, "points": 1.0, "right": k in good} for k, n in enumerate(parts)]
        if compared
        else [],
        "output": output,
    }


def row(submission: str, *questions: QuestionRow, finished: str = "2026-11-21T10:00:00+00:00") -> Row:
    asked = questions or (question(),)
    return {
        "submission": submission,
        "files": [submission],
        "digest": "0" * 64,
        "unit": "recurrent",
        "score": sum(one["score"] for one in asked),
        "max_score": sum(one["max_score"] for one in asked),
        "isolation": "full",
        "seconds": 0.125,
        "finished": finished,
        "questions": list(asked),
    }


def gates(status: str = "passed", **kept: object) -> QuestionRow:
    return question("lstm_gates", status, parts=GATES, **kept)  # type: ignore[arg-type]


# a class in which everything happens
CLASS = [
    row("ada.ipynb", gates(), question(output="torch.Size([3, 4])\n")),
    row(
        "bob.py",
        gates(),
        question(
            status="failed",
            right=[1],
            mistake="ERR-57",
            message="Squash the cell with tanh before the output gate.",
            advice="Read again: equation eq-lstm-hidden in the section on the cell state.",
            output="i tensor([[ 0.1234, -1.5000]])\nshape (2, 3)\n",
        ),
    ),
    row(
        "cyd.ipynb",
        gates("not_attempted", message="Write the gates."),
        question(status="missing", message="No."),
    ),
    row(
        "dan.ipynb",
        gates("error", message="The file is not a notebook."),
        question(status="error", message="The file is not a notebook."),
    ),
    row(
        "eve", gates(), question(status="flagged", message="The code uses torch.nn.LSTMCell (b.py, line 3).")
    ),
    row(
        "fay.py",
        gates("failed", right=[0, 2], mistake="MIS-29", message="You add one bias only."),
        question(status="timeout", message="lstm_cell did not finish within 10 s."),
    ),
    row(
        "gus.py",
        gates("failed", right=[], mistake="MIS-29", message="You add one bias only."),
        question(status="error", message="lstm_cell stopped with ValueError in gus.py, line 3."),
    ),
]

HOSTILE_TEXTS = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "</pre></style></title><script>window.hacked = 1</script>",
    "' onmouseover='window.hacked = 1",
    "]]><![CDATA[ & &lt;script&gt; <!--",
    "\x00\x01\x1b[31mred\x1b[0m \x08\x0c\ud800 \ufffe \u202egnp.exe",
    "=cmd|' /C calc'!A0",
    "{{7*7}} ${7*7} %s %(x)s {0}",
)


def hostile_class() -> list[Row]:
    """A student's text of every kind, in every place where students' texts come."""
    return [
        row(
            f"{text}/{k}.py",
            question(
                parts=[text, "b"], status="failed", message=text, advice=text, output=text, mistake=None
            ),
            question("other", status="error", message=text, output=text * 500),
        )
        for k, text in enumerate(HOSTILE_TEXTS)
    ]
