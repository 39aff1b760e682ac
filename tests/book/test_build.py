"""What the site's own checks refuse, tried on books of one page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))
sys.path.insert(0, str(ROOT / "tools"))

import build_book  # noqa: E402
import course.equations  # noqa: E402
import course.topics  # noqa: E402
import execute  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # Sphinx's own

CONF = """
extensions = ["myst_parser", "course"]
myst_enable_extensions = ["dollarmath"]
html_theme_options = {"repository_url": "https://example.org/course"}
suppress_warnings = ["toc.not_included"]
"""
TOPIC = "RNN-35"


@pytest.fixture
def warnings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Build a one-page book and return what Sphinx would stop at, less what is missing for every small book."""
    claimed = tmp_path / "topics.yml"
    monkeypatch.setattr(course.topics, "CLAIMED", claimed)
    tests = tmp_path / "equations"
    tests.mkdir()
    (tests / "test_small.py").write_text("def test_eq_known():\n    pass\n")
    monkeypatch.setattr(course.equations, "EQUATIONS", tests)
    monkeypatch.setattr(course.tests_index, "TESTS", tests)
    (tests / "test_topic.py").write_text(f"import pytest\n@pytest.mark.topic('{TOPIC}')\ndef test_topic(): pass\n")

    def build(page: str, claims: str = "{}") -> str:
        claimed.write_text(claims)
        (tmp_path / "conf.py").write_text(CONF)
        (tmp_path / "index.md").write_text("# Title\n\n$$\na = b\n$$ (eq-known)\n\n" + page)
        log = tmp_path / "warnings.txt"
        out = tmp_path / "out"
        with log.open("w") as stream:
            app = Sphinx(tmp_path, tmp_path, out, out / "trees", "html", status=None, warning=stream, freshenv=True)
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


def test_a_failing_notebook_is_named_and_its_error_shown(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(execute, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    monkeypatch.setattr(execute, "fingerprint", lambda: "same")
    head = "---\njupytext:\n  text_representation:\n    format_name: myst\nkernelspec:\n  name: python3\n---\n\n"
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text(head + "```{code-cell} ipython3\n1 + 1\n```\n")
    bad.write_text(head + "```{code-cell} ipython3\nraise ValueError('no such gate')\n```\n")
    failures = execute.execute([good, bad], workers=2)
    assert [failure.path for failure in failures] == [bad] and "no such gate" in failures[0].message
    assert "FAILED bad.md" in capsys.readouterr().err
    assert execute.execute([good], workers=1) == []
    assert "0 to run, 1 unchanged" in capsys.readouterr().out  # the good one was kept, although the other failed
    monkeypatch.setattr(execute, "fingerprint", lambda: "the package has changed")
    execute.execute([good], workers=1)
    assert "1 to run, 0 unchanged" in capsys.readouterr().out


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
    [(KeyboardInterrupt(), 130, "interrupted"), (OSError(28, "No space left on device"), 1, "the disk is full")],
)
def test_interruption_and_a_full_disk_are_one_sentence(monkeypatch, capsys, error, status: int, sentence: str) -> None:
    def stop(*args: object) -> None:
        raise error

    monkeypatch.setattr(build_book, "write_exercises", stop)
    monkeypatch.setattr(sys, "argv", ["build_book.py"])
    assert build_book.main() == status
    assert capsys.readouterr().err.count(sentence) == 1
