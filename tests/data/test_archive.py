"""`unpack` on good archives, and on those that are damaged or made to do harm."""

import bz2
import errno
import gzip
import io
import os
import stat
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.data import archive
from coursekit.data.download import ArchiveError, unpack

FILES = {"set/readme.txt": b"hello", "set/images/0.bin": bytes(3000), "top.txt": b""}


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w", *specials: tarfile.TarInfo) -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for special in specials:
            tar.addfile(special)
    return path


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def refusal(path: Path, match: str, **options) -> None:
    """The archive is refused in one sentence, and the disk is as before."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(ArchiveError, match=match) as caught:
        unpack(path, path.parent / "out", **options)
    assert "\n" not in str(caught.value)
    assert sorted(path.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("A.TGZ", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")],
)
def test_tars_of_all_kinds(tmp_path, name, mode):
    source = write_tar(tmp_path / name, FILES, mode)
    assert unpack(source, tmp_path / "new" / "out") == tmp_path / "new" / "out"
    assert contents(tmp_path / "new" / "out") == FILES
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]  # nothing left beside it


def test_zip_and_a_single_gz(tmp_path):
    assert contents(unpack(write_zip(tmp_path / "a.zip", FILES), tmp_path / "zip")) == FILES
    (tmp_path / "idx3-ubyte.gz").write_bytes(gzip.compress(b"\0" * 2000))
    assert contents(unpack(tmp_path / "idx3-ubyte.gz", tmp_path / "gz")) == {"idx3-ubyte": b"\0" * 2000}


def test_empty_folders_and_leading_dots_survive(tmp_path):
    folder = tarfile.TarInfo("./set/empty")
    folder.type = tarfile.DIRTYPE
    root = tarfile.TarInfo(".")
    root.type = tarfile.DIRTYPE
    source = write_tar(tmp_path / "a.tar", {"./x": b"1"}, "w", root, folder)
    assert (unpack(source, tmp_path / "out") / "set/empty").is_dir()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr("empty/", b"")
    assert (unpack(tmp_path / "a.zip", tmp_path / "zip") / "empty").is_dir()


def test_permissions_are_the_users_own(tmp_path):
    member = tarfile.TarInfo("tool")
    member.mode = 0o6777  # setuid, setgid, writable by all
    out = unpack(write_tar(tmp_path / "a.tar", {}, "w", member), tmp_path / "out")
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual" / "file").touch()
    assert stat.S_IMODE((out / "tool").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "usual/file").stat().st_mode
    )
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_an_unpacked_folder_is_left_alone_and_an_empty_one_filled(tmp_path):
    source = write_zip(tmp_path / "a.zip", FILES)
    (tmp_path / "out").mkdir()
    assert contents(unpack(source, tmp_path / "out")) == FILES
    (tmp_path / "out" / "top.txt").write_text("mine")
    unpack(source, tmp_path / "out")
    assert (tmp_path / "out" / "top.txt").read_text() == "mine"


def test_two_at_once_do_no_harm(tmp_path):
    source = write_zip(tmp_path / "a.zip", {f"{n}.txt": b"x" * 1000 for n in range(200)})
    errors = []

    def work():
        try:
            unpack(source, tmp_path / "out")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len(contents(tmp_path / "out")) == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]


# Harm

OUTSIDE = [
    "../evil",
    "set/../../evil",
    "{here}/evil",
    "/{here}/evil",
    "..",
    "set/..",
    "C:/evil",
    "C:evil",
    "..\\evil",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_paths_that_leave_the_folder_are_refused(tmp_path, name):
    name = name.format(here=tmp_path)  # an absolute path, but one where a mistake would do no harm
    files = {"ok.txt": b"1", name: b"evil"}
    refusal(write_tar(tmp_path / "a.tar", files), "outside the folder: expected a path below it")
    refusal(write_zip(tmp_path / "a.zip", files), "outside the folder: expected a path below it")


@given(st.lists(st.sampled_from(["..", ".", "a", "b", ""]), min_size=1, max_size=5), st.booleans())
def test_what_is_let_through_stays_below(parts, absolute):
    name = "/" * absolute + "/".join(parts)
    try:
        safe = archive._safe(name, Path("a.zip"))
    except ArchiveError:
        assert ".." in parts or name.startswith("/")
    else:
        assert os.path.normpath(os.path.join("/home/out", safe)).startswith("/home/out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    special = tarfile.TarInfo("escape")
    special.type, special.linkname = kind, "../../etc"
    refusal(
        write_tar(tmp_path / "a.tar", {"ok.txt": b"1"}, "w", special),
        "'escape', a link or a device: expected files",
    )


def test_a_file_below_a_link_does_not_follow_it(tmp_path):
    link = tarfile.TarInfo("set")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("set/evil"))
    refusal(tmp_path / "a.tar", "a link or a device")


def test_a_link_in_a_zip_is_refused(tmp_path):
    link = zipfile.ZipInfo("escape")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr(link, "../../etc/passwd")
    refusal(tmp_path / "a.zip", "a link or a device")


def test_bombs_stop_at_the_limit(tmp_path):
    zeros = bytes(3_000_000)
    message = "unpacks to more than the 1,000,000 bytes allowed"
    refusal(write_zip(tmp_path / "a.zip", {"zeros": zeros}), message, max_bytes=1_000_000)
    refusal(write_tar(tmp_path / "a.tar.gz", {"zeros": zeros}, "w:gz"), message, max_bytes=1_000_000)
    (tmp_path / "zeros.gz").write_bytes(gzip.compress(zeros))
    refusal(tmp_path / "zeros.gz", message, max_bytes=1_000_000)
    many = {f"{n}": bytes(10_000) for n in range(101)}
    refusal(write_zip(tmp_path / "many.zip", many), message, max_bytes=1_000_000)
    del many["100"]
    unpack(write_zip(tmp_path / "many.zip", many), tmp_path / "out", max_bytes=1_000_000)  # exactly the limit


def test_a_zip_that_understates_its_size_stops_at_the_limit(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"zeros": bytes(2_000_000)})
    raw = path.read_bytes()
    assert raw.count((2_000_000).to_bytes(4, "little")) == 2
    path.write_bytes(raw.replace((2_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refusal(path, "damaged|more than", max_bytes=1_000_000)


@pytest.mark.parametrize("names", [["a", "a"], ["a", "a/b"], ["a/b", "a"]])
def test_one_name_for_two_things_is_refused(tmp_path, names):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    refusal(tmp_path / "a.tar", "twice: expected different names")


# Damage


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.zip", "a.gz"])
@pytest.mark.parametrize(
    "content", [b"", b"no archive at all", os.urandom(2000)], ids=["empty", "text", "noise"]
)
def test_what_is_no_archive_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    if (name, content) == ("a.gz", b""):
        return  # no members is a valid gz
    refusal(tmp_path / name, "damaged")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "w"])
@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_a_damaged_tar_is_refused(tmp_path, mode, harm):
    name = "a.tar" if mode == "w" else f"a.tar.{mode[2:]}"
    source = write_tar(tmp_path / name, {"noise": os.urandom(100_000)}, mode)
    raw = bytearray(source.read_bytes())
    if harm == "cut":
        del raw[50_000:]
    elif mode == "w":
        raw[100] ^= 0xFF  # in the header; a tar has no checksum of the content
    else:
        raw[50_000] ^= 0xFF
    source.write_bytes(raw)
    refusal(source, "damaged")


@pytest.mark.parametrize("place", [60, -30])
def test_a_damaged_zip_is_refused(tmp_path, place):
    source = write_zip(tmp_path / "a.zip", {"noise": os.urandom(5000)})
    raw = bytearray(source.read_bytes())
    raw[place] ^= 0xFF
    source.write_bytes(raw)
    refusal(source, "damaged")


def test_an_encrypted_zip_is_refused(tmp_path):
    source = write_zip(tmp_path / "a.zip", {"secret": b"x"})
    raw = bytearray(source.read_bytes())
    raw[6] |= 1  # the flag in the local header, and in the directory
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(raw)
    refusal(source, "encrypted")


def test_unknown_kinds_are_named(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    refusal(tmp_path / "a.rar", r"expected .tar, .*, .zip or .gz, received a.rar")


def test_paths_that_are_not_what_they_should_be(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected an archive, but .*a.zip is not a file"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    source = write_zip(tmp_path / "a.zip", FILES)
    (tmp_path / "out").write_text("a file")
    with pytest.raises(FileExistsError, match="expected a folder to unpack a.zip to"):
        unpack(source, tmp_path / "out")


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    source = write_zip(tmp_path / "a.zip", FILES)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "_move", full)  # the last moment at which it can happen
    with pytest.raises(OSError, match="no space left to unpack a.zip to .*out"):
        unpack(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_bz2_reports_damage_without_a_number(tmp_path):
    raw = bytearray(bz2.compress(bytes(5000)))
    raw[4:10] = b"ABCDEF"
    (tmp_path / "a.tar.bz2").write_bytes(raw)
    refusal(tmp_path / "a.tar.bz2", "damaged")
