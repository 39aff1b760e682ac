"""Files from the network: fetched once, resumed after an interruption, used only if their SHA-256 is right.

They are kept in `data_home()`. What is being fetched stands there as NAME.<first of the hash>.part and gets
its name in one step when it is complete and checked, so a file under its own name is always whole.
"""

import errno
import hashlib
import http.client
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

import platformdirs

from coursekit.data.archive import ArchiveError, unpack

__all__ = ["ArchiveError", "DownloadError", "data_home", "fetch", "unpack"]

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0  # seconds before another attempt, doubled by each failure
CHUNK = 1 << 16
PASSING_CODES = {408, 425, 429, 500, 502, 503, 504}  # the server asks to come back later

Report = Callable[[int, int | None], None]  # bytes so far, bytes in all if the server says so


class DownloadError(OSError):
    """A file could not be had, or is not the one expected. The message is one sentence for the reader."""


class _Dropped(Exception):
    """The connection failed in a way that may pass."""


class _Job(NamedTuple):
    url: str
    sha256: str
    target: Path  # the final name
    timeout: float

    @property
    def part(self) -> Path:
        return self.target.with_name(f"{self.target.name}.{self.sha256[:8]}.part")

    def failure(self, reason: str) -> DownloadError:
        kept = _size(self.part)
        resume = f" ({kept:,} bytes that arrived are kept for the next try)" if kept else ""
        return DownloadError(
            f"could not fetch {self.url}: {reason}{resume}; without a network, get the file by other means "
            f"and place it at {self.target}, its SHA-256 must be {self.sha256}"
        )


def data_home() -> Path:
    """The folder of fetched files: $COURSEKIT_DATA if set, else the user's cache folder; may be missing."""
    chosen = os.environ.get("COURSEKIT_DATA")
    return Path(chosen or platformdirs.user_cache_dir("coursekit", appauthor=False)).expanduser().absolute()


def fetch(
    url: str, sha256: str, name: str | None = None, *, timeout: float = 30.0, attempts: int = 5
) -> Path:
    """The path of a file with this SHA-256 in `data_home()`, fetched from an http(s) or file URL if needed.

    `name` is the file's name there, by default the last part of the URL. A file that is there already is
    checked, not fetched. `timeout` is the longest silence in seconds; after `attempts` failures in a row
    without a new byte it gives up. Processes that want the same file wait for one another. A progress bar
    shows on a terminal or in a notebook.

    Raises ValueError for a bad argument, DownloadError (an OSError) if the file cannot be had: then nothing
    stands under its name that was not there before.
    """
    job = _Job(url, sha256.lower(), data_home() / _checked_name(url, sha256, name), timeout)
    try:
        if _is_verified(job.target, job.sha256):
            return job.target
        job.target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(job.target.with_name(f".{job.target.name}.lock")):
            if not _is_verified(job.target, job.sha256):  # nor did another process fetch it meanwhile
                with _progress_bar(job.target.name) as report:
                    _fetch_part(job, 1 if url.startswith("file:") else attempts, report)
                os.replace(job.part, job.target)
                _remember(job.target, job.sha256)
    except DownloadError:
        raise
    except OSError as error:
        raise _disk_failure(job, error) from None
    return job.target


def _checked_name(url: str, sha256: str, name: str | None) -> str:
    address = urlsplit(url)
    if address.scheme not in ("http", "https", "file") or not (address.netloc or address.scheme == "file"):
        raise ValueError(f"expected an http, https or file URL, received {url!r}")
    if not re.fullmatch(r"[!-~]+", url):
        raise ValueError(f"expected a URL of printable ASCII without blanks, received {url!r}")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"expected a SHA-256 of 64 hexadecimal digits, received {sha256!r}")
    if name is None:
        name = PurePosixPath(unquote(address.path)).name
    if not name or name.startswith(".") or re.search(r"[/\\:\0]", name):
        raise ValueError(f"expected a file name without folders and leading dot, received {name!r} for {url}")
    return name


def _is_verified(path: Path, sha256: str) -> bool:
    """Whether the file is there with this hash, which is noted beside it: large files are read only once."""
    if not path.exists():
        return False
    note, stamp = _note(path, sha256)
    with suppress(OSError, UnicodeDecodeError):
        if note.read_text() == stamp:
            return True
    digest = _digest(path)
    if digest != sha256:
        raise DownloadError(
            f"{path} has SHA-256 {digest}, expected {sha256}: remove it, and it will be fetched again"
        )
    _remember(path, sha256)
    return True


def _remember(path: Path, sha256: str) -> None:
    note, stamp = _note(path, sha256)
    with suppress(OSError):  # the folder may be someone else's
        note.write_text(stamp)


def _note(path: Path, sha256: str) -> tuple[Path, str]:
    """Where the result of a check is kept, and what stands there as long as the file has not been changed."""
    status = path.stat()
    return path.with_name(f".{path.name}.verified"), f"{sha256} {status.st_size} {status.st_mtime_ns}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_part(job: _Job, attempts: int, report: Report) -> None:
    """Complete job.part and check its hash."""
    resumed = _complete(job, attempts, report)
    digest = _digest(job.part)
    if digest != job.sha256 and resumed:  # perhaps of two versions of the file: once more in one piece
        job.part.unlink()
        _complete(job, attempts, report)
        digest = _digest(job.part)
    if digest != job.sha256:
        size = _size(job.part)
        job.part.unlink()
        raise job.failure(f"the server sent {size:,} bytes with SHA-256 {digest}, which were removed")


def _complete(job: _Job, attempts: int, report: Report) -> bool:
    """Receive until nothing is missing. Returns whether the part was put together from several answers."""
    resumed, most, failures = _size(job.part) > 0, _size(job.part), 0
    while True:
        try:
            _receive(job, report)
            return resumed
        except _Dropped as error:
            size = _size(job.part)
            failures = 0 if size > most else failures + 1
            resumed, most = resumed or size > 0, max(size, most)
            if failures >= attempts:
                raise job.failure(str(error)) from None
        time.sleep(min(FIRST_PAUSE * 2**failures, LONGEST_PAUSE))


def _receive(job: _Job, report: Report) -> None:
    """Ask for what is missing of job.part and write what comes."""
    have = _size(job.part)
    headers = {"User-Agent": "coursekit"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with _network():
            response = _opener().open(urllib.request.Request(job.url, headers=headers), timeout=job.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            return  # nothing is left to send: the part is complete, or of another file, as its hash will tell
        if error.code in PASSING_CODES:
            raise _Dropped(f"the server answered {error.code} {error.reason}") from None
        raise job.failure(f"the server answered {error.code} {error.reason}") from None

    with response:
        length = response.headers.get("Content-Length", "")
        span = response.headers.get("Content-Range", "")
        goes_on = response.status == 206 and span.startswith(f"bytes {have}-")
        start = have if goes_on else 0  # a server may ignore the range and send everything
        total = start + int(length) if length.isdecimal() else None
        with job.part.open("ab" if goes_on else "wb") as file:
            size = _copy(response, file, start, total, report)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and size != total:
        raise _Dropped(f"the connection ended after {size:,} of {total:,} bytes")


def _copy(response: BinaryIO, file: BinaryIO, size: int, total: int | None, report: Report) -> int:
    while True:
        report(size, total)
        with _network():
            chunk = response.read(CHUNK)
        if not chunk:
            return size
        file.write(chunk)
        size += len(chunk)


@contextmanager
def _network() -> Iterator[None]:
    """Tell failures of the connection, which are retried, from those of the disk: both are OSErrors."""
    try:
        yield
    except urllib.error.HTTPError:
        raise  # an answer, not a failure
    except urllib.error.URLError as error:
        reason = error.reason
        raise _Dropped(reason if isinstance(reason, str) else _reason(reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(_reason(error)) from None


def _opener() -> urllib.request.OpenerDirector:
    """urllib's opener without ftp and data URLs, to which a server could redirect."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.FileHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _disk_failure(job: _Job, error: OSError) -> DownloadError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadError(
            f"the disk of {job.target.parent} is full: free some space and fetch {job.target.name} again, "
            f"the {_size(job.part):,} bytes that arrived are kept as {job.part.name}"
        )
    return DownloadError(
        f"cannot keep {job.target.name} in {job.target.parent} ({_reason(error)}): "
        f"set COURSEKIT_DATA to a folder that you may write to"
    )


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text[0].lower() + text[1:]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however that ends."""
    with path.open("ab") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                    break
                except OSError:
                    time.sleep(0.1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _progress_bar(name: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    shown = console.is_terminal or console.is_jupyter
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not shown) as progress:
        task = progress.add_task(name, total=None)
        yield lambda size, total: progress.update(task, completed=size, total=total)
