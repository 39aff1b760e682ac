"""`fetch` against servers that drop, lie, stall and refuse: the right file, or none and one sentence."""

import errno
import hashlib
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from coursekit.data import download
from coursekit.data.download import DownloadError, data_home, fetch


def part_of(home: Path, sha256: str) -> Path:
    return home / f"set.bin.{sha256[:8]}.part"


def visible(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if not path.name.startswith("."))


def failure(server, **options) -> str:
    """The one sentence that a fetch fails with."""
    with pytest.raises(DownloadError) as caught:
        fetch(server.url, server.sha256, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_is_fetched_once(server, home):
    path = fetch(server.url, server.sha256)
    assert path == home / "set.bin" and path.read_bytes() == server.content
    assert visible(home) == ["set.bin"]
    assert fetch(server.url, server.sha256.upper()) == path
    assert server.ranges == [None]


def test_another_name_and_an_empty_file(server, home):
    server.content = b""
    path = fetch(server.url, hashlib.sha256(b"").hexdigest(), "empty.txt")
    assert path == home / "empty.txt" and path.read_bytes() == b""


def test_a_file_url_is_copied(tmp_path, home):
    source = tmp_path / "set.bin"
    source.write_bytes(b"abc")
    assert fetch(source.as_uri(), hashlib.sha256(b"abc").hexdigest()).read_bytes() == b"abc"
    with pytest.raises(DownloadError, match="could not fetch file:.*no such file"):
        fetch((tmp_path / "missing.bin").as_uri(), "0" * 64)


# Interruptions


def test_dropped_connections_are_resumed_where_they_broke(server, home):
    server.answer = lambda handler: handler.obey(until=handler.start + 100_000)
    assert (
        fetch(server.url, server.sha256, attempts=2).read_bytes() == server.content
    )  # each try goes further
    assert server.ranges == [None, 100_000, 200_000, 300_000, 400_000, 500_000]
    assert visible(home) == ["set.bin"]


def test_the_next_call_resumes_what_an_earlier_one_left(server, home):
    server.answer = lambda handler: handler.obey(until=100_000) if not handler.start else handler.head(503)
    message = failure(server, attempts=2)
    assert "503" in message and "(100,000 bytes that arrived are kept for the next try)" in message
    assert part_of(home, server.sha256).read_bytes() == server.content[:100_000]
    server.answer, server.ranges = lambda handler: handler.obey(), []
    assert fetch(server.url, server.sha256).read_bytes() == server.content
    assert server.ranges == [100_000]


def test_a_server_without_ranges_starts_again(server, home):
    answers = iter([300_000, None])
    server.answer = lambda handler: handler.ignore_range(until=next(answers))
    assert fetch(server.url, server.sha256).read_bytes() == server.content
    assert server.ranges == [None, 300_000]


def test_a_server_that_always_breaks_at_the_same_byte_is_given_up(server, home):
    server.answer = lambda handler: handler.ignore_range(until=300_000)
    assert "the connection ended after 300,000 of 512,000 bytes" in failure(server, attempts=3)
    assert len(server.ranges) == 4  # the first brought something new
    assert visible(home) == [part_of(home, server.sha256).name]


def test_a_complete_part_needs_no_byte_more(server, home):
    home.mkdir()
    part_of(home, server.sha256).write_bytes(server.content)
    assert fetch(server.url, server.sha256).read_bytes() == server.content
    assert server.ranges == [len(server.content)]  # answered with 416


@pytest.mark.parametrize("length", [5000, 512_000, 600_000], ids=["beginning", "whole", "longer"])
def test_a_part_of_something_else_is_fetched_anew(server, home, length):
    home.mkdir()
    part_of(home, server.sha256).write_bytes(b"x" * length)
    assert fetch(server.url, server.sha256).read_bytes() == server.content
    assert server.ranges[-1] is None


def test_a_416_that_names_no_length_starts_again(server, home):
    home.mkdir()
    part_of(home, server.sha256).write_bytes(server.content[:1000])
    server.answer = lambda handler: handler.head(416) if handler.start else handler.obey()
    assert fetch(server.url, server.sha256).read_bytes() == server.content
    assert server.ranges == [1000, None]


def test_a_range_that_was_not_asked_for_is_not_appended(server, home):
    home.mkdir()
    part_of(home, server.sha256).write_bytes(server.content[:1000])

    def answer(handler):
        if handler.start:
            handler.start = 2000
        handler.obey()

    server.answer = answer
    assert fetch(server.url, server.sha256).read_bytes() == server.content
    assert server.ranges == [1000, None]


def test_a_killed_process_leaves_a_part_that_is_resumed(server, home):
    server.answer = lambda handler: handler.stall(until=300_000, seconds=10)
    program = f"from coursekit.data.download import fetch; fetch({server.url!r}, {server.sha256!r})"
    child = subprocess.Popen([sys.executable, "-c", program])
    part, deadline = part_of(home, server.sha256), time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 100_000):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.02)
    child.kill()
    child.wait()
    kept = part.stat().st_size
    assert visible(home) == [part.name]
    server.answer = lambda handler: handler.obey()
    assert fetch(server.url, server.sha256).read_bytes() == server.content
    assert server.ranges == [None, kept]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child there")
def test_control_c_leaves_nothing_under_the_name(server, home):
    server.answer = lambda handler: handler.stall(until=200_000, seconds=10)
    program = f"from coursekit.data.download import fetch; fetch({server.url!r}, {server.sha256!r})"
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not (part_of(home, server.sha256).exists()):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=30)
    assert child.returncode != 0 and b"KeyboardInterrupt" in error
    assert visible(home) == [part_of(home, server.sha256).name]


# Lies


def test_a_length_that_is_too_long_is_noticed(server, home):
    def answer(handler):
        handler.head(200, Content_Length=len(server.content) + 50)
        handler.wfile.write(server.content)

    server.answer = answer
    assert "the connection ended after 512,000 of 512,050 bytes" in failure(server, attempts=2)
    assert visible(home) == [part_of(home, server.sha256).name]


def test_a_length_that_is_too_short_is_noticed(server, home):
    def answer(handler):
        handler.head(200, Content_Length=len(server.content) - 50)
        handler.wfile.write(server.content)

    server.answer = answer
    message = failure(server)
    assert "the server sent 511,950 bytes with SHA-256" in message and "which were removed" in message
    assert visible(home) == []


def test_no_length_is_no_problem(server, home):
    def answer(handler):
        handler.head(200)
        handler.wfile.write(server.content)

    server.answer = answer
    assert fetch(server.url, server.sha256).read_bytes() == server.content


def test_another_content_is_never_used(server, home):
    wrong = b"y" * 1000
    server.content = wrong
    message = failure(server)
    assert hashlib.sha256(wrong).hexdigest() in message and server.sha256 in message
    assert visible(home) == [] and server.ranges == [None]


# Refusals


@pytest.mark.parametrize(("code", "requests"), [(404, 1), (403, 1), (500, 3), (429, 3)])
def test_a_refusal_is_final_and_an_overload_is_asked_again(server, home, code, requests):
    server.answer = lambda handler: handler.head(code)
    assert f"the server answered {code} " in failure(server, attempts=3)
    assert len(server.ranges) == requests
    assert visible(home) == []


def test_a_busy_server_is_asked_again(server, home):
    answers = iter([503, 503])
    server.answer = lambda handler: handler.head(code) if (code := next(answers, 0)) else handler.obey()
    assert fetch(server.url, server.sha256).read_bytes() == server.content


def test_silence_ends_after_the_timeout(server, home):
    server.answer = lambda handler: handler.stall(until=handler.start, seconds=2)
    began = time.monotonic()
    assert "timed out" in failure(server, timeout=0.1, attempts=2)
    assert time.monotonic() - began < 2


def test_a_stalled_file_is_resumed(server, home):
    server.answer = lambda handler: (
        handler.obey() if handler.start else handler.stall(until=300_000, seconds=2)
    )
    assert fetch(server.url, server.sha256, timeout=0.2).read_bytes() == server.content
    assert len(server.ranges) == 2


def test_offline_the_message_says_what_to_place_where(home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]  # nobody listens here
    with pytest.raises(DownloadError) as caught:
        fetch(f"http://127.0.0.1:{port}/set.bin", "a" * 64, attempts=2)
    message = str(caught.value)
    assert "connection refused" in message and "\n" not in message
    assert f"place it at {home / 'set.bin'}, its SHA-256 must be {'a' * 64}" in message


def test_a_redirect_is_followed_but_not_to_other_schemes(server, home):
    target = [server.url]

    def answer(handler):
        handler.obey() if handler.path.startswith("/data") else handler.head(302, Location=target[0])

    server.answer = answer
    moved = server.url.replace("/data/", "/moved/")
    assert fetch(moved, server.sha256).read_bytes() == server.content
    for address in ("file:///etc/passwd", "ftp://127.0.0.1/set.bin", "data:,abc"):
        target[0] = address
        with pytest.raises(DownloadError, match="could not fetch"):
            fetch(moved, "b" * 64, "other.bin", attempts=1)
    assert visible(home) == ["set.bin"]


# Files that are there already


def test_a_file_placed_by_hand_is_checked_and_needs_no_network(home):
    home.mkdir()
    (home / "set.bin").write_bytes(b"abc")
    right = hashlib.sha256(b"abc").hexdigest()
    assert fetch("http://127.0.0.1:1/set.bin", right) == home / "set.bin"
    with pytest.raises(DownloadError, match=f"has SHA-256 {right}, expected {'0' * 64}: remove it"):
        fetch("http://127.0.0.1:1/set.bin", "0" * 64)
    assert (home / "set.bin").read_bytes() == b"abc"


def test_the_check_is_remembered_until_the_file_changes(server, home, monkeypatch):
    path = fetch(server.url, server.sha256)
    digest = download._digest
    monkeypatch.setattr(download, "_digest", lambda path: pytest.fail("read the file again"))
    assert fetch(server.url, server.sha256) == path
    monkeypatch.setattr(download, "_digest", digest)
    path.write_bytes(b"changed")
    with pytest.raises(DownloadError, match="remove it"):
        fetch(server.url, server.sha256)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_can_be_read(server, home):
    path = fetch(server.url, server.sha256)
    for hidden in home.glob(".*"):
        hidden.unlink()
    home.chmod(0o500)
    try:
        assert fetch(server.url, server.sha256) == path
        with pytest.raises(DownloadError, match="permission denied.*set COURSEKIT_DATA to a folder"):
            fetch(server.url, server.sha256, "other.bin")
    finally:
        home.chmod(0o700)


def test_a_data_folder_that_is_a_file_is_named(server, home):
    home.write_text("not a folder")
    assert f"cannot keep set.bin in {home}" in failure(server)


def test_a_folder_under_the_name_is_no_file(server, home):
    (home / "set.bin").mkdir(parents=True)
    assert "is a directory" in failure(server)


# Disks and neighbours


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_in_one_sentence(server, home):
    home.mkdir()
    part_of(home, server.sha256).symlink_to("/dev/full")
    message = failure(server)
    assert message.startswith(f"the disk of {home} is full: free some space and fetch set.bin again")
    assert not (home / "set.bin").exists()


def test_a_disk_that_fills_up_later_keeps_what_arrived(server, home, monkeypatch):
    sync = os.fsync

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "the 512,000 bytes that arrived are kept" in failure(server)
    assert visible(home) == [part_of(home, server.sha256).name]
    monkeypatch.setattr(os, "fsync", sync)
    assert fetch(server.url, server.sha256).read_bytes() == server.content


def test_processes_that_want_the_same_file_fetch_it_once(server, home):
    server.answer = lambda handler: (time.sleep(0.3), handler.obey())
    program = f"from coursekit.data.download import fetch; print(fetch({server.url!r}, {server.sha256!r}))"
    children = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(3)]
    for child in children:
        output, _ = child.communicate(timeout=60)
        assert child.returncode == 0 and output.decode().strip() == str(home / "set.bin")
    assert server.ranges == [None] and visible(home) == ["set.bin"]


def test_threads_that_want_the_same_file_fetch_it_once(server, home):
    server.answer = lambda handler: (time.sleep(0.2), handler.obey())
    threads = [threading.Thread(target=fetch, args=(server.url, server.sha256)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.ranges == [None] and (home / "set.bin").read_bytes() == server.content


# Arguments


@pytest.mark.parametrize(
    ("url", "sha256", "name", "message"),
    [
        (
            "ftp://host/a.bin",
            "0" * 64,
            None,
            "expected an http, https or file URL, received 'ftp://host/a.bin'",
        ),
        ("a.bin", "0" * 64, None, "expected an http, https or file URL"),
        ("http:///a.bin", "0" * 64, None, "expected an http, https or file URL"),
        ("http://host/a b.bin", "0" * 64, None, "printable ASCII without blanks"),
        ("http://host/a.bin", "0" * 63, None, "expected a SHA-256 of 64 hexadecimal digits"),
        ("http://host/", "0" * 64, None, "expected a file name .* received '' for http://host/"),
        ("http://host/a.bin", "0" * 64, "../a.bin", "expected a file name without folders"),
        ("http://host/..%2f..%2fa%5cb", "0" * 64, None, "expected a file name without folders"),
        ("http://host/.lock", "0" * 64, None, "leading dot"),
    ],
)
def test_bad_arguments_are_refused_before_anything_happens(home, url, sha256, name, message):
    with pytest.raises(ValueError, match=message):
        fetch(url, sha256, name)
    assert not home.exists()


def test_the_data_folder_is_chosen_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    assert data_home() == tmp_path
    monkeypatch.setenv("COURSEKIT_DATA", "~/sets")
    assert data_home() == Path.home() / "sets"
    monkeypatch.delenv("COURSEKIT_DATA")
    assert data_home().name == "coursekit" or platform.system() == "Windows"


# Progress


def test_nothing_is_printed_where_nobody_watches(server, home, capfd):
    fetch(server.url, server.sha256)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
def test_a_terminal_shows_the_bar(server, home):
    import pty

    program = f"from coursekit.data.download import fetch; fetch({server.url!r}, {server.sha256!r})"
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stderr=theirs,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:
        pass  # how Linux says that the other end is closed
    os.close(ours)
    assert child.communicate()[0] == b"" and child.returncode == 0
    assert b"set.bin" in shown and "━".encode() in shown and b"512.0/512.0 kB" in shown
