"""A progress bar for whoever is watching: in a terminal or a live notebook, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[int, int | None, str], None]  # steps done, steps in all if known, text


def notebook_kernel() -> object | None:
    """The kernel of the notebook that runs this code, if one does."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython.get_ipython(), "kernel", None) if ipython else None


def somebody_watches() -> bool:
    """Whether standard error is a terminal, or the notebook has a front end that could answer `input()`.

    A notebook executed by a program (nbclient, papermill, nbval) has none: what it stores must not vary from
    run to run.
    """
    kernel = notebook_kernel()
    return bool(getattr(kernel, "_allow_stdin", False)) if kernel else sys.stderr.isatty()


@contextmanager
def progress_bar(shown: bool | None = None) -> Iterator[Show]:
    """Yield `show(done, total, text)`, which draws the bar with the time left.

    With `shown=None` it is drawn if `somebody_watches`. It goes to standard error; in a notebook it
    disappears at the end, and a log file gets its last state only.
    """
    if not (somebody_watches() if shown is None else shown):
        yield lambda done, total, text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(elapsed_when_finished=True))
    with Progress(
        *columns, console=Console(stderr=True), transient=notebook_kernel() is not None
    ) as progress:
        bar = progress.add_task("", total=None)
        yield lambda done, total, text: progress.update(bar, completed=done, total=total, description=text)
