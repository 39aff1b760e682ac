"""The command as a user types it: what it prints, where, and its exit status."""

import json
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

import coursekit
from coursekit import cli, doctor

COMMAND = [sys.executable, "-c", "from coursekit.cli import main; main()"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60)


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error, without a new process."""
    monkeypatch.setattr(sys, "argv", ["coursekit", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code is None or isinstance(caught.value.code, int)
    return caught.value.code or 0, *capsys.readouterr()


def test_the_command_is_installed() -> None:
    [entry] = metadata.entry_points(group="console_scripts", name="coursekit")
    assert entry.load() is cli.main


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_the_commands(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.returncode == 0 and result.stderr == ""
    assert all(word in result.stdout for word in ("doctor", "check", "grade"))


def test_version() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (
        0,
        f"coursekit {coursekit.__version__}\n",
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bogus",), "No such command 'bogus'"),
        (("doctor", "--bad"), "No such option: --bad"),
        (("grade",), "Missing argument 'UNIT_OR_ID'"),
        (("grade", "recurrent"), "Missing argument 'paths'"),
        (("grade", "recurrent", "x", "--jobs", "many"), "Invalid value for '--jobs'"),
        (("grade", "recurrent", "no-such-folder"), "no-such-folder"),
        (("check", "no-such-file.py"), "no-such-file.py"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    status, output, errors = call(monkeypatch, capsys, *arguments)
    assert (status, output) == (2, "")
    assert errors.startswith("coursekit: ") and errors.count("\n") == 1
    assert message in errors


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("expected 3,\n  received 4"), "coursekit: expected 3, received 4\n"),
        (FileNotFoundError(2, "No such file", "x.py"), "coursekit: x.py: No such file\n"),
        (OSError("no network"), "coursekit: no network\n"),
    ],
)
def test_an_error_of_the_user_is_one_sentence_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, message: str
) -> None:
    def fail(as_json: bool) -> int:
        raise error

    monkeypatch.setattr(doctor, "doctor_command", fail)
    assert call(monkeypatch, capsys, "doctor") == (1, "", message)


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(as_json: bool) -> int:
        raise KeyError("a defect")

    monkeypatch.setattr(doctor, "doctor_command", fail)
    monkeypatch.setattr(sys, "argv", ["coursekit", "doctor"])
    with pytest.raises(KeyError):
        cli.main()


WAITING = """
import time
from coursekit import cli, doctor
def wait(as_json):
    print("waiting", flush=True)
    time.sleep(60)
doctor.doctor_command = wait
cli.main()
"""


def test_ctrl_c_ends_with_status_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "coursekit: interrupted\n")


def test_help_answers_at_once() -> None:
    """It imports neither torch nor NumPy, which take seconds."""
    program = "import sys; sys.argv = ['coursekit', '--help']; from coursekit.cli import main\n"
    program += (
        "try: main()\nexcept SystemExit: print(sorted({'torch', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_grade_and_check_pass_their_arguments_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from coursekit.grade import command

    calls: list[object] = []

    def grade(target: str, paths: list[Path], **options: object) -> int:
        calls.append((target, paths, options))
        return 0

    def check(path: Path) -> int:
        calls.append(path)
        return 1

    monkeypatch.setattr(command, "grade_command", grade)
    monkeypatch.setattr(command, "check_command", check)
    line = "grade recurrent a.py b --jobs 3 --out reports --json all.json --seed k --allow-reduced-isolation"
    line += " --format lti,junit --roster who.csv --canvas c.csv --canvas-column HW --cluster tcp://h:1"
    assert call(monkeypatch, capsys, *line.split())[0] == 0
    assert call(monkeypatch, capsys, "check", "mine.ipynb")[0] == 1
    options = dict(
        json_file=Path("all.json"),
        out=Path("reports"),
        formats=["lti", "junit"],
        jobs=3,
        cluster="tcp://h:1",
        seed="k",
        allow_reduced_isolation=True,
        roster=Path("who.csv"),
        canvas=Path("c.csv"),
        canvas_column="HW",
    )
    assert calls == [("recurrent", [Path("a.py"), Path("b")], options), Path("mine.ipynb")]


def test_doctor_finds_this_machine_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "text").write_bytes(bytes(1_500_000))
    (tmp_path / "movies.zip.part").write_bytes(bytes(20))
    status, output, errors = call(monkeypatch, capsys, "doctor", "--json")
    report = json.loads(output)
    assert (status, errors, report["ok"]) == (0, "", True)
    values = {finding["name"]: finding["value"] for finding in report["findings"]}
    assert values["torch"] == torch.__version__
    assert values["coursekit"] == coursekit.__version__
    assert values["data"] == f"{tmp_path}, writable"
    assert values["data/corpus"] == "1.5 MB"
    assert values["data/movies.zip.part"] == "20 B, unfinished"
    assert "threads in PyTorch" in values["cpu"] and values["disk"].endswith("free")
    tried = subprocess.run([sys.executable, "-m", "coursekit.grade.jail"], capture_output=True, text=True)
    assert values["grading"] == f"submissions are isolated: {tried.stdout.strip()}"
    assert tried.stdout.strip() in ("full", "reduced", "limits-only")


def test_doctor_reads_well_without_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("COLUMNS", "200")
    status, output, errors = call(monkeypatch, capsys, "doctor")
    assert (status, errors) == (0, "")
    lines = [line.split() for line in output.splitlines()]
    assert ["torch", torch.__version__] in lines
    assert ["data", f"{tmp_path}/none,", "made", "by", "the", "first", "download"] in lines
    assert output.splitlines()[-1] == "All that the course needs is there."
    assert "\x1b" not in output
    assert not (tmp_path / "none").exists()  # looking changes nothing


def test_doctor_says_what_is_missing_and_how_to_mend_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requirements = ["torch>=2.6", "scikit-learn>=1.5", "numpy>=2", 'sphinx==7.4.7; extra == "book"']
    installed = {"numpy": "1.26.4", "torch": torch.__version__}

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "requires", lambda name: requirements)
    monkeypatch.setattr(metadata, "version", version)
    status, output, errors = call(monkeypatch, capsys, "doctor")
    assert (status, errors) == (1, "")
    lines = output.splitlines()
    assert any(line.split()[:4] == ["scikit-learn", "missing", "not", "installed"] for line in lines)
    assert f'scikit-learn: {doctor.pip()} "scikit-learn>=1.5"' in lines
    assert f'numpy: {doctor.pip()} "numpy>=2"' in lines and "1.26.4, older than 2" in output
    assert "to build the site: make setup" in lines  # a note, no reason for status 1
    assert "All that the course needs" not in output


def test_doctor_works_where_torch_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as if its libraries could not be loaded
    [finding] = [finding for finding in doctor.devices()]
    assert (finding.name, finding.state) == ("torch", "missing")
    assert finding.value.startswith("does not start: ")
    assert finding.mend == f"{doctor.pip()} --force-reinstall torch"


def test_doctor_sees_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "file" / "folder"))
    finding = next(doctor.data())
    assert (finding.name, finding.state) == ("data", "missing")
    assert finding.mend is not None and finding.mend.startswith("export COURSEKIT_DATA=")


def test_doctor_notes_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    usage = type(doctor.shutil.disk_usage(tmp_path))(100, 99, 1)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    *_, finding = doctor.data()
    assert (finding.name, finding.state, finding.value[:8]) == ("disk", "note", "1 B free")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1e3, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (999_949_999, "1.0 GB"),
        (5e12, "5.0 TB"),
    ],
)
def test_sizes_for_people(count: float, text: str) -> None:
    assert doctor.size(count) == text
