"""What the site's own checks refuse, tried on books of one page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))
sys.path.insert(0, str(ROOT / "tools"))

import build_book  # noqa: E402
import course.tests_index  # noqa: E402
import course.topics  # noqa: E402
import execute  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # Sphinx's own

CONF = """
extensions = ["myst_parser", "course"]
myst_enable_extensions = ["dollarmath"]
html_theme = "sphinx_book_theme"
html_theme_options = {"repository_url": "https://github.com/example/course"}
suppress_warnings = ["toc.not_included"]
"""
TOPIC = "RNN-35"


@pytest.fixture
def warnings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Build a book of one page and return what Sphinx would stop at."""
    claimed = tmp_path / "topics.yml"
    monkeypatch.setattr(course.topics, "CLAIMED", claimed)
    tests = tmp_path / "tests"
    (tests / "book" / "equations").mkdir(parents=True)
    (tests / "book" / "equations" / "test_small.py").write_text("def test_eq_known():\n    pass\n")
    monkeypatch.setattr(course.tests_index, "TESTS", tests)
    (tests / "test_topic.py").write_text(
        f"import pytest\n@pytest.mark.topic('{TOPIC}')\ndef test_topic(): pass\n"
    )

    def build(page: str, claims: str = "{}") -> str:
        claimed.write_text(claims)
        (tmp_path / "conf.py").write_text(CONF)
        (tmp_path / "index.md").write_text("# Title\n\n$$\na = b\n$$ (eq-known)\n\n" + page)
        log = tmp_path / "warnings.txt"
        out = tmp_path / "out"
        with log.open("w") as stream, docutils_namespace():
            app = Sphinx(
                tmp_path, tmp_path, out, out / "trees", "html", status=None, warning=stream, freshenv=True
            )
            app.build(force_all=True)
        return log.read_text()

    return build


def test_a_page_in_order_gives_no_warning(warnings_of) -> None:
    assert warnings_of("All is well.") == ""


@pytest.mark.parametrize(
    ("page", "claims", "complaint"),
    [
        ("$$\nx = y\n$$\n", "{}", "displayed equation '' has no label that starts with 'eq-' or 'def-'"),
        ("$$\nx = y\n$$ (gate)\n", "{}", "displayed equation 'gate' has no label"),
        ("$$\nx = y\n$$ (eq-new)\n", "{}", "equation eq-new has no test: write test_eq_new"),
        ("", f"{TOPIC}: Cell update", f"topic {TOPIC} is claimed in topics.yml, but no section teaches it"),
        ("", "RNN-99: Unheard of", "topic RNN-99 is claimed in topics.yml, but no test checks it"),
        (f"```{{topics}} {TOPIC}\n```\n", "{}", f"topic {TOPIC} is taught, but topics.yml does not claim it"),
        ("![](data:image/gif;base64,AAAA)\n", "{}", "picture without alternative text"),
    ],
)
def test_the_build_complains(warnings_of, page: str, claims: str, complaint: str) -> None:
    assert complaint in warnings_of(page, claims)


def test_a_definition_needs_no_test(warnings_of) -> None:
    assert warnings_of("$$\nN = \\text{batch}\n$$ (def-letters)\n") == ""


HEAD = "---\njupytext:\n  text_representation:\n    format_name: myst\nkernelspec:\n  name: python3\n---\n\n"
EXECUTE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import execute
execute.ROOT = Path.cwd()
execute.CACHE = execute.ROOT / "cache"
execute.fingerprint = lambda: sys.argv[2]
failures = execute.execute([execute.ROOT / name for name in sys.argv[3:]], workers=2)
print("failures:", [failure.path.name for failure in failures])
"""


def run_notebooks(folder: Path, fingerprint: str, *names: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, because the Jupyter client leaves open sockets behind."""
    command = [sys.executable, "-c", EXECUTE, str(ROOT / "tools"), fingerprint, *names]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


def test_a_failing_notebook_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text(HEAD + "```{code-cell} ipython3\n1 + 1\n```\n")
    (tmp_path / "bad.md").write_text(
        HEAD + "```{code-cell} ipython3\nraise ValueError('no such gate')\n```\n"
    )
    first = run_notebooks(tmp_path, "package 1", "good.md", "bad.md")
    assert "failures: ['bad.md']" in first.stdout
    assert "FAILED bad.md" in first.stderr and "no such gate" in first.stderr
    assert "0 to run, 1 unchanged" in run_notebooks(tmp_path, "package 1", "good.md").stdout
    assert "1 to run, 0 unchanged" in run_notebooks(tmp_path, "package 2", "good.md").stdout


def test_the_fingerprint_follows_the_package_and_the_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    (tmp_path / "coursekit").mkdir()
    (tmp_path / "coursekit" / "gates.py").write_text("a = 1")
    (tmp_path / "requirements.txt").write_text("torch==2.13.0")
    seen = {execute.fingerprint()}
    (tmp_path / "coursekit" / "gates.py").write_text("a = 2")
    seen.add(execute.fingerprint())
    (tmp_path / "requirements.txt").write_text("torch==2.13.1")
    seen.add(execute.fingerprint())
    assert len(seen) == 3 and execute.fingerprint() in seen


def test_a_table_of_contents_with_a_missing_page_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    (tmp_path / "_toc.yml").write_text("root: index\nchapters:\n- file: nowhere\n")
    (tmp_path / "index.md").write_text("# Title\n")
    with pytest.raises(SystemExit, match="_toc.yml names nowhere.md, which does not exist"):
        execute.notebook_paths(tmp_path / "_toc.yml")


def test_the_old_site_stays_until_the_new_one_is_whole(tmp_path: Path, monkeypatch) -> None:
    site, new = tmp_path / "html", tmp_path / "new"
    for folder, text in ((site, "old"), (new, "new")):
        folder.mkdir()
        (folder / "index.html").write_text(text)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(build_book.shutil, "copytree", full)
        with pytest.raises(OSError, match="No space"):
            build_book.swap_in(new, site)
    assert (site / "index.html").read_text() == "old"
    build_book.swap_in(new, site)
    assert (site / "index.html").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["html", "new"]


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device"), 1, "the disk is full"),
    ],
)
def test_interruption_and_a_full_disk_are_one_sentence(
    monkeypatch, capsys, error, status: int, sentence: str
) -> None:
    def stop(*args: object) -> None:
        raise error

    monkeypatch.setattr(build_book, "write_exercises", stop)
    monkeypatch.setattr(sys, "argv", ["build_book.py"])
    assert build_book.main() == status
    assert capsys.readouterr().err.count(sentence) == 1
