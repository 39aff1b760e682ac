"""Run every notebook of the book once, several at a time, into the cache that the build reads.

A notebook whose code, package and pins are unchanged is not run again. jupyter-cache looks at the code cells
alone, so `fingerprint` adds what else a result depends on, and a cache of another fingerprint is dropped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "_build" / ".jupyter_cache"
TIMEOUT = 600  # seconds for one cell; the pages' own promise is 60 s in all
QUIET = [
    "--log-level=ERROR"
]  # a kernel warns at every start that its connection on this machine is not encrypted


@dataclass(frozen=True)
class Failure:
    """A notebook that did not run to its end."""

    path: Path
    message: str


def notebook_environment() -> dict[str, str]:
    """One thread a notebook, so that two on two cores do not disturb each other; figures without a kernel."""
    return {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "COURSEKIT_STATIC": "1"}


def notebook_paths(toc: Path) -> list[Path]:
    """The pages of a table of contents that are notebooks, in reading order."""
    content = yaml.safe_load(toc.read_text("utf8"))
    names = [content["root"]]
    stack = [content]
    while stack:
        node = stack.pop(0)
        names += [node["file"]] if "file" in node else []
        for key in ("parts", "chapters", "sections"):
            stack = node.get(key, []) + stack
    paths = [ROOT / f"{name}.md" for name in names]
    missing = [path for path in paths if not path.exists()]
    if missing:
        sys.exit(f"book: {toc.name} names {missing[0].relative_to(ROOT)}, which does not exist")
    return [path for path in paths if is_myst_markdown_notebook(path.read_text("utf8"))]


def read(path: Path) -> NotebookNode:
    return read_myst_markdown_notebook(path.read_text("utf8"), path=str(path))


def fingerprint() -> str:
    """What results depend on besides the notebook's cells: the package, the pins, Python and the settings."""
    digest = hashlib.sha256(f"{sys.version}{sorted(notebook_environment().items())}".encode())
    sources = [p for p in (ROOT / "coursekit").rglob("*") if p.suffix in {".py", ".js", ".css", ".json"}]
    for path in sorted([*sources, ROOT / "requirements.txt"]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def open_cache():
    """The cache of this fingerprint; one of another is removed first."""
    mark, current = CACHE / "fingerprint", fingerprint()
    if CACHE.exists() and (not mark.exists() or mark.read_text() != current):
        shutil.rmtree(CACHE)
    cache = get_cache(CACHE)
    cache.change_cache_limit(1000)  # also creates the folder
    mark.write_text(current)
    return cache


def is_cached(cache, notebook: NotebookNode) -> bool:
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


def execute(paths: list[Path], workers: int | None = None) -> list[Failure]:
    """Run what is not in the cache yet; each is stored when it finishes, so an interruption costs little."""
    os.environ |= notebook_environment()
    cache = open_cache()
    todo = [(path, notebook) for path in paths if not is_cached(cache, notebook := read(path))]
    print(f"notebooks: {len(todo)} to run, {len(paths) - len(todo)} unchanged", flush=True)
    failures: list[Failure] = []
    pool = ThreadPoolExecutor(
        workers or min(4, os.cpu_count() or 1)
    )  # each thread waits for a kernel process
    try:
        jobs = {}
        for path, notebook in todo:
            job = pool.submit(
                single_nb_execution, notebook, str(path.parent), TIMEOUT, False, extra_arguments=QUIET
            )
            jobs[job] = path
        begun = time.monotonic()
        for count, job in enumerate(as_completed(jobs), start=1):
            path = jobs[job]
            name = path.relative_to(ROOT)
            try:
                result = job.result()
                error = result.err
            except (
                RuntimeError,
                DeadKernelError,
            ) as stopped:  # no kernel, or one that died: too little memory?
                error = stopped
            if error is not None:
                message = str(error).strip()
                failures.append(Failure(path, message))
                print(f"  [{count}/{len(todo)}] FAILED {name}\n{message}", file=sys.stderr, flush=True)
                continue
            cache.cache_notebook_bundle(
                CacheBundleIn(result.nb, str(path), data={"execution_seconds": result.time}), overwrite=True
            )
            spent = time.monotonic() - begun
            print(f"  [{count}/{len(todo)}] {name}  {result.time:.0f} s  (after {spent:.0f} s)", flush=True)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return failures


def executed(path: Path) -> NotebookNode:
    """A notebook with its outputs, from the cache."""
    return get_cache(CACHE).merge_match_into_notebook(read(path))[1]
