"""The instructor's pages: how a class did, what it got wrong, and a link to every student's page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from coursekit.grade.record import QuestionRow, Row, Run
from coursekit.grade.reports.html import bar, identifier, name, page, text
from coursekit.grade.reports.plain import function, isolation, message, status, unit
from coursekit.grade.reports.roster import Roster
from coursekit.grade.reports.statistics import QuestionStatistics, question_statistics
from coursekit.grade.reports.student_page import SIGNS, WRONG, when

BY_NAME, BY_POINTS = "index.html", "by-points.html"
COLUMNS_OF_HISTOGRAM = 10
MOST_FREQUENT = 10


def class_pages(run: Run, rows: Sequence[Row], roster: Roster, links: Mapping[str, str]) -> dict[str, str]:
    """The same page twice, sorted by name and by points, for readers without scripts.

    `links` leads from a submission to its student's page.
    """
    numbers = question_statistics(rows)

    def by_name(row: Row) -> tuple[str, str]:
        return (roster.student(row["submission"]).name.casefold(), row["submission"].casefold())

    ordered = sorted(rows, key=by_name)
    shared = [summary(run, rows), to_look_at(ordered, links), questions_card(numbers), mistakes_card(numbers)]
    pages = {}
    for file, content in (
        (BY_NAME, ordered),
        (BY_POINTS, sorted(ordered, key=lambda row: -row["score"])),
    ):
        body = [*shared, students_card(content, roster, links, file), foot(run)]
        pages[file] = page(f"{unit(rows, run['target'])}: the class", framed(body), wide=True)
    return pages


def statistics_page(run: Run, rows: Sequence[Row]) -> str:
    """The page without names, to show to anybody."""
    numbers = question_statistics(rows)
    body = [summary(run, rows), questions_card(numbers), mistakes_card(numbers), foot(run, seed=False)]
    return page(f"{unit(rows, run['target'])}: statistics", framed(body), wide=True)


def framed(blocks: Sequence[str]) -> str:
    *cards, last = (block for block in blocks if block)
    return "\n".join(["<main>", *cards, "</main>", last])


def summary(run: Run, rows: Sequence[Row]) -> str:
    scores = [row["score"] for row in rows]
    full = sum(row["score"] == row["max_score"] for row in rows)
    highest = max((row["max_score"] for row in rows), default=0.0)
    figures = {"submissions": f"{len(rows):,}"}
    if rows:
        figures |= {
            "mean": f"{statistics.fmean(scores):.1f} of {highest:g}",
            "median": f"{statistics.median(scores):g} of {highest:g}",
            "full marks": f"{full:,}",
        }
    listed = "".join(f"<div><dt>{title}</dt><dd>{value}</dd></div>" for title, value in figures.items())
    return (
        f'<header class="card"><p class="kicker">Homework</p><h1>{text(unit(rows, run["target"]))}</h1>'
        f'<dl class="figures">{listed}</dl>{histogram(scores, highest)}</header>'
    )


def histogram(scores: Sequence[float], highest: float) -> str:
    """Columns of equal width from 0 to the highest score; each score on a border counts to the right."""
    if not scores or highest <= 0:
        return ""
    count = COLUMNS_OF_HISTOGRAM
    counts = [0] * count
    for score in scores:
        counts[min(int(count * score / highest), count - 1)] += 1
    items = []
    for k, students in enumerate(counts):
        start, end = f"{highest * k / count:.3g}", f"{highest * (k + 1) / count:.3g}"
        height = 100 * students / max(counts)
        items.append(
            f'<li><span class="stack" aria-hidden="true">{students or ""}'
            f'<span class="column" style="height: {height:.1f}%"></span></span>'
            f'<span class="range" aria-hidden="true">{start}–{end}</span>'
            f'<span class="hidden">{start} to {end} points: {students}</span></li>'
        )
    return f'<ol class="columns" aria-label="Submissions by points">{"".join(items)}</ol>'


def to_look_at(rows: Sequence[Row], links: Mapping[str, str]) -> str:
    """What a person should see: flagged answers, and submissions of which nothing could be run."""
    entries = []
    for row in rows:
        broken = all(question["status"] == "error" for question in row["questions"])
        for question in row["questions"][:1] if broken else row["questions"]:
            if broken or question["status"] == "flagged":
                one = not broken or len(row["questions"]) == 1
                what = identifier(function(question)) if one else "whole file"
                entries.append(
                    f'<tr><th scope="row" class="name">{link(row, links)}</th><td>{what}</td>'
                    f'<td class="sentence">{text(message(question))}</td></tr>'
                )
    if not entries:
        return ""
    heads = "".join(f'<th scope="col">{title}</th>' for title in ("submission", "exercise", "what happened"))
    table = f"<thead><tr>{heads}</tr></thead>{body_of(entries)}"
    return card("For a person to look at", "look", table, stacked=True)


def questions_card(numbers: Sequence[QuestionStatistics]) -> str:
    if not numbers:
        return ""
    entries = [
        f'<tr><th scope="row">{identifier(one.id.partition(".")[2])}</th>'
        f'<td class="number">{one.attempts:,} of {one.submissions:,}</td>'
        f'<td class="with-bar">{one.share_passed:.0%}{bar(one.share_passed)}</td>'
        f'<td class="number">{one.mean:.2f} of {one.max_score:g}</td>'
        f'<td class="number">{"–" if one.discrimination is None else f"{one.discrimination:.2f}"}</td></tr>'
        for one in numbers
    ]
    heads = (
        '<th scope="col">exercise</th><th scope="col" class="number">attempted</th>'
        '<th scope="col">passed</th>'
        '<th scope="col" class="number">mean points</th><th scope="col" class="number">discrimination</th>'
    )
    note = (
        '<p class="soft">Discrimination is the correlation of the points for an exercise with the points for '
        "all others. Near 1, who does well elsewhere does well here; near 0, look at the exercise again.</p>"
    )
    return card("The exercises", "exercises", f"<thead><tr>{heads}</tr></thead>{body_of(entries)}", note)


def mistakes_card(numbers: Sequence[QuestionStatistics]) -> str:
    found = [(one.id.partition(".")[2], mistake) for one in numbers for mistake in one.mistakes]
    found.sort(key=lambda pair: -pair[1].times)
    if not found:
        return ""
    entries = [
        f'<tr><td class="number">{mistake.times:,}</td><th scope="row">{text(mistake.id)}</th>'
        f'<td>{identifier(exercise)}</td><td class="sentence">{text(mistake.message)}</td></tr>'
        for exercise, mistake in found[:MOST_FREQUENT]
    ]
    heads = (
        '<th scope="col" class="number">times</th><th scope="col">mistake</th>'
        '<th scope="col">exercise</th><th scope="col">what the student is told</th>'
    )
    table = f"<thead><tr>{heads}</tr></thead>{body_of(entries)}"
    return card("The most frequent mistakes", "mistakes", table, stacked=True)


def students_card(rows: Sequence[Row], roster: Roster, links: Mapping[str, str], file: str) -> str:
    questions = list(dict.fromkeys(question["id"] for row in rows for question in row["questions"]))
    named = any(roster.student(row["submission"]).name for row in rows)
    first = "student" if named else "submission"
    heads = ['<th scope="col">submission</th>'] if named else []
    heads.append(sorted_head(first, BY_NAME, file, "ascending"))
    heads.append(sorted_head("points", BY_POINTS, file, "descending"))
    heads += [f'<th scope="col">{identifier(id.partition(".")[2])}</th>' for id in questions]
    entries = []
    for row in rows:
        cells = [f'<th scope="row" class="name">{link(row, links)}</th>']
        if named:
            cells.append(f"<td>{name(roster.student(row['submission']).name)}</td>")
        share = row["score"] / row["max_score"] if row["max_score"] else 0.0
        cells.append(f'<td class="with-bar">{row["score"]:g} of {row["max_score"]:g}{bar(share)}</td>')
        answers = {question["id"]: question for question in row["questions"]}
        cells += [answer_cell(answers.get(id)) for id in questions]
        entries.append(f"<tr>{''.join(cells)}</tr>")
    note = '<p class="soft">✓ passed, ✗ not right, ⚑ for a person, ○ not attempted; then the points.</p>'
    table = f"<thead><tr>{''.join(heads)}</tr></thead>{body_of(entries)}"
    return card("The submissions", "submissions", table, note)


def sorted_head(title: str, target: str, file: str, order: str) -> str:
    if target == file:
        return f'<th scope="col" aria-sort="{order}">{title} <span aria-hidden="true">▾</span></th>'
    return f'<th scope="col"><a href="{target}#submissions">{title}</a></th>'


def answer_cell(question: QuestionRow | None) -> str:
    if question is None:
        return "<td></td>"
    sign = SIGNS.get(question["status"], WRONG)
    return (
        f'<td class="cell {text(question["status"])}"><span aria-hidden="true">{sign}</span>'
        f'<span class="hidden">{text(status(question))},</span> {question["score"]:g}</td>'
    )


def link(row: Row, links: Mapping[str, str]) -> str:
    return f'<a href="{text(links[row["submission"]])}">{name(row["submission"])}</a>'


def body_of(entries: Sequence[str]) -> str:
    return "<tbody>\n" + "\n".join(entries) + "\n</tbody>"


def card(title: str, label: str, table: str, note: str = "", *, stacked: bool = False) -> str:
    """A table under a heading; `stacked` ones turn into paragraphs on a phone."""
    layout = ' class="stacked"' if stacked else ""
    return (
        f'<section class="card"><h2 id="{label}">{title}</h2>{note}'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{label}">'
        f"<table{layout}>{table}</table></div></section>"
    )


def foot(run: Run, *, seed: bool = True) -> str:
    again = (
        "<p>For the instructor: this page names students, and the seed by which the same inputs are drawn "
        f"again (<code>--seed {text(run['seed'])}</code>).</p>"
        if seed
        else ""
    )
    return (
        f"<footer>{again}<p>Begun on {when(run['started'])} with coursekit {text(run['coursekit'])}, "
        f"PyTorch {text(run['torch'])}, Python {text(run['python'])}. "
        f"{text(isolation(run['isolation']))}</p></footer>"
    )
