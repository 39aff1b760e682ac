"""Build the site: `make book`. Run the notebooks, set the pages, add the downloads, swap the result in.

The new site is built in a folder of its own and takes the place of the old one only when it is whole, so an
interrupted or failed build leaves the last good site where it was.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from execute import ROOT, execute, executed, notebook_paths
from homework import to_notebook, write_exercises

BUILD = ROOT / "_build"
VENDOR = ROOT / "book" / "_static" / "vendor"
MATHJAX = ROOT / "tools" / "web" / "node_modules" / "mathjax" / "es5"


def vendor_mathjax() -> bool:
    """Copy MathJax into the site's static files, so that it needs no network. False if there is none."""
    if not (MATHJAX / "tex-chtml-full.js").exists():
        shutil.rmtree(VENDOR, ignore_errors=True)
        return False
    target = VENDOR / "mathjax"
    if not (target / "tex-chtml-full.js").exists():
        fonts = "output/chtml/fonts/woff-v2"
        shutil.copytree(MATHJAX / fonts, target / fonts, dirs_exist_ok=True)
        shutil.copy2(MATHJAX / "tex-chtml-full.js", target)
    return True


def looks() -> str:
    """A fingerprint of what every page depends on: settings, extension, templates, styles."""
    digest = hashlib.sha256()
    for folder in ("_ext", "_templates", "_static"):
        for path in sorted((ROOT / "book" / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    digest.update((ROOT / "_config.yml").read_bytes())
    return digest.hexdigest()


def set_pages(toc: Path, staging: Path) -> int:
    """Run Jupyter Book on the filled cache: on all pages if their looks changed, else on those that changed.

    Every warning is an error.
    """
    mark, current = staging / "looks", looks()
    fresh = not mark.exists() or mark.read_text() != current
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "--toc", str(toc)]
    command += ["--path-output", str(staging), "-W", "-n", "--keep-going"]
    command += ["--all"] if fresh else []
    log = staging / "build.log"
    staging.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        plain = os.environ | {"NO_COLOR": "1"}
        done = subprocess.run(command, cwd=ROOT, env=plain, stdout=out, stderr=subprocess.STDOUT)
    text = log.read_text("utf8", "replace")
    problems = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line]
    if done.returncode or problems:
        print("\n".join(problems) or text[-4000:], file=sys.stderr)
        return done.returncode or 1
    mark.write_text(current)
    return 0


def write_downloads(paths: list[Path], folder: Path) -> None:
    """The notebooks as `.ipynb` with their outputs, for Colab and for those who would rather download."""
    for path in paths:
        notebook = to_notebook(path)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        own = [cell for cell in code if "colab-setup" not in cell.metadata.get("tags", [])]
        done = [cell for cell in executed(path).cells if cell.cell_type == "code"]
        for cell, result in zip(own, done, strict=True):
            cell.outputs, cell.execution_count = result.outputs, result.execution_count
        target = (folder / path.relative_to(ROOT)).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(nbformat.writes(notebook) + "\n", "utf8")


def swap_in(new: Path, site: Path) -> None:
    """Put a finished site in place with two renames."""
    incoming, outgoing = site.with_name(site.name + ".new"), site.with_name(site.name + ".old")
    for leftover in (incoming, outgoing):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(new, incoming)
    if site.exists():
        site.rename(outgoing)
    incoming.rename(site)
    shutil.rmtree(outgoing, ignore_errors=True)


def build(instructor: bool) -> int:
    name = "instructor" if instructor else "html"
    toc = ROOT / ("_toc_instructor.yml" if instructor else "_toc.yml")
    write_exercises()
    paths = notebook_paths(toc)
    failures = execute(paths)
    if failures:
        names = ", ".join(str(failure.path.relative_to(ROOT)) for failure in failures)
        print(f"book: {len(failures)} of {len(paths)} notebooks failed: {names}", file=sys.stderr)
        return 1
    has_mathjax = vendor_mathjax()
    if not has_mathjax:
        print("book: npm fetched no MathJax, so the pages load it from a public server and need a network")
    staging = BUILD / f"staging-{name}"
    status = set_pages(toc, staging)
    if status:
        print(f"book: the pages were not built; the log is {staging / 'build.log'}", file=sys.stderr)
        return status
    pages = staging / "_build" / "html"
    write_downloads(paths, pages / "notebooks")
    swap_in(pages, BUILD / name)
    print(BUILD / name / "index.html")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instructor", action="store_true", help="with the solutions, in _build/instructor")
    try:
        return build(parser.parse_args().instructor)
    except KeyboardInterrupt:
        print(
            "\nbook: interrupted; finished notebooks are kept, run the command again",
            file=sys.stderr,
        )
        return 130
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        free = shutil.disk_usage(ROOT).free // 2**20
        print(
            f"book: the disk is full ({free} MB free, 300 MB needed); the old site is intact",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    status = main()
    if status == 130:  # not to wait for running notebooks, whose kernels end when nobody listens any more
        sys.stdout.flush()
        os._exit(status)
    sys.exit(status)
