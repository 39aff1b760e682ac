"""The page that a student reads: the score, and for each question what is right and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime

from coursekit.grade.record import PartRow, QuestionRow, Row, Run
from coursekit.grade.reports.html import bar, identifier, name, page, text
from coursekit.grade.reports.plain import function, isolation, message, points, printed, status
from coursekit.grade.reports.roster import Student

SIGNS = {"passed": "✓", "flagged": "⚑", "not_attempted": "○"}  # beside words that say the same
WRONG = "✗"


def student_page(run: Run, row: Row, student: Student) -> str:
    """The page of one submission. Beside it stands no seed: who knows it knows the inputs."""
    questions = row["questions"]
    shared = shared_message(row)
    score = points(row["score"], row["max_score"])
    parts = [
        "<main>",
        top(row, student, shared),
        *(section(k, question) for k, question in enumerate(questions, start=1) if not shared),
        "</main>",
        foot(run, row),
    ]
    return page(f"{row['unit']}: {score} for {student.name or row['submission']}", "\n".join(parts))


def shared_message(row: Row) -> str:
    """What is said of every question alike, e.g. that the file cannot be read; "" where they differ."""
    questions = row["questions"]
    said = {message(question) for question in questions}
    more = any(question["parts"] or question["output"] for question in questions)
    return said.pop() if len(said) == 1 and len(questions) > 1 and not more else ""


def top(row: Row, student: Student, shared: str) -> str:
    share = row["score"] / row["max_score"] if row["max_score"] else 0.0
    _, _, rest = points(row["score"], row["max_score"]).partition(" ")
    who = name(student.name or row["submission"])
    file = f'<p class="soft">{name(row["submission"])}</p>' if student.name else ""
    said = f'<p class="message">{text(shared)}</p>' if shared else ""
    entries = "".join(
        entry(k, question, linked=not shared) for k, question in enumerate(row["questions"], start=1)
    )
    overview = f'<ol class="overview">{entries}</ol>' if len(row["questions"]) > 1 else ""
    return (
        f'<header class="card"><p class="kicker">Homework: {text(row["unit"])}</p><h1>{who}</h1>{file}'
        f'<p class="score"><strong>{row["score"]:g}</strong> {rest}</p>{bar(share)}{said}{overview}</header>'
    )


def entry(number: int, question: QuestionRow, *, linked: bool) -> str:
    title = identifier(function(question))
    title = f'<a href="#question-{number}">{title}</a>' if linked else title
    return (
        f'<li class="{text(question["status"])}"><div class="head">{title} {badge(question)} '
        f"{worth(question)}</div></li>"
    )


def section(number: int, question: QuestionRow) -> str:
    """One question: what is wrong with it, and what to do."""
    label = f"question-{number}"
    sentence = message(question)
    known = f"Known mistake {question['mistake']}." if question["mistake"] else ""
    further = [remark for remark in (known, question["advice"]) if remark]
    output = printed(question)
    blocks = [
        f'<section class="card question {text(question["status"])}" aria-labelledby="{label}">',
        f'<div class="head"><h2 id="{label}">{identifier(function(question))}</h2>',
        f"{badge(question)} {worth(question)}</div>",
        f'<p class="message">{text(sentence)}</p>' if sentence else "",
        f'<p class="soft">{text(" ".join(further))}</p>' if further else "",
        f'<h3>Part by part</h3><ul class="parts">{"".join(map(part_item, question["parts"]))}</ul>'
        if question["parts"] and question["status"] != "passed"
        else "",
        f'<h3>What your code printed</h3><pre tabindex="0" role="region" '
        f'aria-label="Output of {text(function(question))}">{text(output)}</pre>'
        '<p class="soft">Decimal numbers are shown as #: they come from inputs that are not public.</p>'
        if output
        else "",
        "</section>",
    ]
    return "\n".join(block for block in blocks if block)


def badge(question: QuestionRow) -> str:
    sign = SIGNS.get(question["status"], WRONG)
    return f'<span class="status"><span aria-hidden="true">{sign}</span> {text(status(question))}</span>'


def worth(question: QuestionRow) -> str:
    return f'<span class="points">{points(question["score"], question["max_score"])}</span>'


def part_item(part: PartRow) -> str:
    sign, word = ("✓", "right") if part["right"] else (WRONG, "not right")
    return (
        f'<li class="{word.replace(" ", "-")}"><span class="sign" aria-hidden="true">{sign}</span>'
        f'{text(part["name"])}: {word} <span class="soft">({part["points"]:g})</span></li>'
    )


def foot(run: Run, row: Row) -> str:
    return (
        f"<footer><p>Graded on {when(row['finished'])} with coursekit {text(run['coursekit'])} and "
        f"PyTorch {text(run['torch'])}, on inputs drawn for this purpose. "
        f"{text(isolation(row['isolation']))}</p></footer>"
    )


def when(moment: str) -> str:
    utc = datetime.fromisoformat(moment).astimezone(UTC)
    return f'<time datetime="{utc:%Y-%m-%dT%H:%MZ}">{utc.day} {utc:%B %Y, %H:%M} UTC</time>'
