"""Archives into folders, whoever made them: nothing lands outside the folder, and all or nothing appears."""

import bz2
import errno
import gzip
import lzma
import os
import re
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

TAR_READERS: dict[str, Callable[..., Any]] = {
    ".tar": Path.open,
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tar.xz": lzma.open,
}
CHUNK = 1 << 20

# What the standard readers raise on bytes that are no archive; OverflowError and the like on forged headers.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,  # zipfile: encrypted, or an unknown compression
)


class ArchiveError(ValueError):
    """An archive is damaged, of an unknown kind, or would do harm. The message is one sentence."""


class _Entry(NamedTuple):
    name: str
    open: Callable[[], Any] | None  # gives the content as a binary file; None for a folder


def unpack(archive: str | Path, folder: str | Path, *, max_bytes: int = 8 << 30) -> Path:
    """Unpack a .tar (.gz, .bz2, .xz), .tgz, .zip or single .gz file and return the folder.

    The folder appears in one step with everything in it; one that is there and not empty is taken for
    unpacked and left alone. Refused with an ArchiveError (a ValueError): absolute paths, "..", links,
    devices, more than `max_bytes` in all, a damaged archive. Permissions and owners in it are ignored.
    """
    archive, folder = Path(archive), Path(folder).absolute()
    if not archive.is_file():
        raise FileNotFoundError(f"expected an archive, but {archive} is not a file")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"expected a folder to unpack {archive.name} to, but {folder} is a file")
    if folder.is_dir() and any(folder.iterdir()):
        return folder
    entries = _entries(archive)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            unpacked = Path(scratch) / "unpacked"  # made with the usual permissions, unlike `scratch`
            unpacked.mkdir()
            with closing(entries):
                _write(entries, unpacked, archive, max_bytes)
            _move(unpacked, folder)
    except ArchiveError:
        raise
    except _DAMAGE as error:
        raise ArchiveError(f"{archive} is damaged, or not what its name says: {error}") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, f"no space left to unpack {archive.name} to {folder}") from None
        if error.errno is None:  # bz2 reports damage so
            raise ArchiveError(f"{archive} is damaged: {error}") from None
        raise
    return folder


def _entries(archive: Path) -> Generator[_Entry, None, None]:
    name = archive.name.lower()
    for suffix, reader in TAR_READERS.items():
        if name.endswith(suffix):
            return _tar_entries(archive, reader)
    if name.endswith(".zip"):
        return _zip_entries(archive)
    if name.endswith(".gz"):
        return _gz_entries(archive)
    raise ArchiveError(f"expected {', '.join(TAR_READERS)}, .zip or .gz, received {archive.name}")


def _tar_entries(archive: Path, reader: Callable[..., Any]) -> Generator[_Entry, None, None]:
    with reader(archive, "rb") as stream:
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            for member in tar:
                if not (member.isreg() or member.isdir()):
                    raise _special(member.name, archive)
                yield _Entry(member.name, partial(tar.extractfile, member) if member.isreg() else None)
        while stream.read(CHUNK):  # a checksum stands at the very end, where a tar is no longer read
            pass


def _zip_entries(archive: Path) -> Generator[_Entry, None, None]:
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _special(member.filename, archive)
            yield _Entry(member.filename, None if member.is_dir() else partial(zipped.open, member))


def _gz_entries(archive: Path) -> Generator[_Entry, None, None]:
    yield _Entry(archive.stem, partial(gzip.open, archive))


def _special(name: str, archive: Path) -> ArchiveError:
    return ArchiveError(f"{archive} has {name!r}, a link or a device: expected files and folders only")


def _write(entries: Iterable[_Entry], folder: Path, archive: Path, max_bytes: int) -> None:
    written = 0
    for name, open_content in entries:
        path = folder / _safe(name, archive)
        try:
            if open_content is None:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            target = path.open("xb")
        except (FileExistsError, NotADirectoryError):
            raise ArchiveError(f"{archive} has {name!r} twice: expected different names") from None
        with target, open_content() as content:
            while chunk := content.read(CHUNK):
                written += len(chunk)  # counted here, since headers can lie
                if written > max_bytes:
                    raise ArchiveError(f"{archive} unpacks to more than the {max_bytes:,} bytes allowed")
                target.write(chunk)


def _safe(name: str, archive: Path) -> str:
    """A path that stays in its folder, on every system."""
    if name.startswith("/") or ".." in name.split("/") or re.search(r"[\\:\0]", name):
        raise ArchiveError(f"{archive} has {name!r}, outside the folder: expected a path below it")
    return name


def _move(unpacked: Path, folder: Path) -> None:
    try:
        if folder.is_dir():
            folder.rmdir()  # empty, or another process was faster
        os.rename(unpacked, folder)
    except OSError:
        if not (folder.is_dir() and any(folder.iterdir())):
            raise
