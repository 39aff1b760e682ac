"""What a submission can reach at each level of isolation: tried out from inside a worker's child."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import coursekit
from coursekit.grade.calls import Call
from coursekit.grade.encoding import decode_outcomes
from coursekit.grade.jail import Level, cgroups, limits
from coursekit.grade.jail.memory import written_ranges
from coursekit.grade.process import Worker
from coursekit.grade.protocol import Block, Questions, Task

QUESTIONS = Questions.of((Call((torch.ones(1, dtype=torch.float64),)),))
QUICK = 30.0
PACKAGE = Path(coursekit.__file__).parent
REFUSED = ("PermissionError", "FileNotFoundError", "OSError", "ProcessLookupError")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="there are no locks but limits on this system"
)


@pytest.fixture(scope="module", params=["full", "reduced"])
def locked(request: pytest.FixtureRequest) -> Iterator[Worker]:
    """A worker at this level; a machine that cannot have it must not look like one where it was checked."""
    with Worker(best=request.param) as worker:
        if worker.level != request.param:
            said = f"this machine isolates {worker.level} at most"
            pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
        yield worker


def attempt(worker: Worker, body: str) -> tuple[str, str]:
    """Type and message of what the statements raise; ("", ...) with what they leave in `said` if nothing."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f"import ctypes, os, sys\ndef f(x):\n    said = ''\n{lines}    raise UserWarning(said)\n"
    ending = worker.run(Task((Block("hw.py", 1, source),), "f", QUESTIONS, QUICK))
    assert ending.reason == "done", ending
    error = decode_outcomes(ending.outcomes)[0].error
    assert error is not None
    return ("", error.message) if error.type == "UserWarning" else (error.type, error.message)


def system_call(number: int, *arguments: object) -> str:
    """Statements that make a system call and leave its error number in `said`."""
    listed = ", ".join(str(argument) for argument in arguments)
    call = f"libc = ctypes.CDLL(None, use_errno=True)\nlibc.syscall({number}, {listed})"
    return f"{call}\nsaid = str(ctypes.get_errno())"


# Reading


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/1/environ",
        "/proc/cpuinfo",
        "/sys/kernel/uevent_seqnum",
        "/dev/mem",
        "~/.bashrc",
        PACKAGE / "grade" / "exercises" / "recurrent.py",
        PACKAGE / "nn" / "recurrent.py",
        PACKAGE.parent / "README.md",
        __file__,
    ],
)
def test_files_outside_the_library_cannot_be_read(locked: Worker, path: str | Path) -> None:
    kind, _ = attempt(locked, f"said = open(os.path.expanduser({str(path)!r}), 'rb').read(10)")
    assert kind in REFUSED


@pytest.mark.parametrize("path", ["/", "/tmp", "/etc", "/proc", "/home", PACKAGE, PACKAGE / "grade"])
def test_folders_outside_the_library_cannot_be_listed(locked: Worker, path: str | Path) -> None:
    assert attempt(locked, f"said = os.listdir({str(path)!r})")[0] in REFUSED


@pytest.mark.parametrize(
    "statement", ["import sklearn.tree", "import wave, zipapp", "import torch.distributions"]
)
def test_the_library_can_be_imported_late(locked: Worker, statement: str) -> None:
    assert attempt(locked, statement) == ("", "")


def test_random_numbers_and_nothing_to_write_to_are_there(locked: Worker) -> None:
    assert attempt(locked, "open('/dev/urandom', 'rb').read(8)\nopen('/dev/null', 'w').write('x')") == (
        "",
        "",
    )


# Writing


@pytest.mark.parametrize(
    "statement",
    [
        "open({path!r}, 'w')",
        "open({path!r}, 'a')",
        "os.truncate({path!r}, 0)",
        "os.unlink({path!r})",
        "os.chmod({path!r}, 0)",
        "os.utime({path!r}, (0, 0))",
        "os.rename({path!r}, {path!r} + '2')",
        "os.link({path!r}, {path!r} + '2')",
        "os.symlink('/etc', {path!r} + '2')",
        "os.mkdir({path!r} + '2')",
        "os.mkfifo({path!r} + '2')",
        "os.setxattr({path!r}, 'user.note', b'x')",
        "os.chown({path!r}, os.getuid(), os.getgid())",
    ],
)
def test_a_file_outside_stays_as_it_is(locked: Worker, tmp_path: Path, statement: str) -> None:
    file = tmp_path / "grades.csv"
    file.write_text("ada,10\n")
    before = file.stat()
    kind, message = attempt(locked, statement.format(path=str(file)))
    assert kind in REFUSED, message
    after = file.stat()
    assert file.read_text() == "ada,10\n" and list(tmp_path.iterdir()) == [file]
    assert (after.st_mode, after.st_mtime_ns, after.st_nlink) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_nlink,
    )


def test_the_library_cannot_be_changed(locked: Worker) -> None:
    library = Path(torch.__file__)
    assert attempt(locked, f"open({str(library)!r}, 'a')")[0] in REFUSED
    assert attempt(locked, f"open({str(library.parent / 'planted.py')!r}, 'w')")[0] in REFUSED


def test_a_scratch_folder_is_empty_every_time(locked: Worker) -> None:
    temporary = "import tempfile\nwith tempfile.TemporaryFile() as file: file.write(b'x')"
    write = f"said = os.listdir()\n{temporary}\nopen('mine', 'w').write('x')"
    if locked.level == "full":
        assert attempt(locked, write) == attempt(locked, write) == ("", "[]")
        flood = "for k in range(100): open(f'{k}', 'wb').write(bytes(2**20))"
        assert attempt(locked, flood) == ("OSError", "[Errno 28] No space left on device")
        script = "open('run', 'w').write('#!/bin/sh')\nos.open('.', os.O_RDONLY)\nos.execv('run', ['run'])"
        assert attempt(locked, script)[0] == "PermissionError"
    else:
        assert attempt(locked, "open('mine', 'w')")[0] == "PermissionError"


# The network


@pytest.mark.parametrize(
    "family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG"]
)
def test_no_socket_can_be_made(locked: Worker, family: str) -> None:
    number = int(getattr(socket, family))
    assert (
        attempt(locked, f"import socket\nsocket.socket({number}, socket.SOCK_STREAM)")[0] == "PermissionError"
    )
    assert attempt(locked, f"import socket\nsocket.socketpair({number})")[0] == "PermissionError"


def test_nobody_can_be_asked(locked: Worker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        assert (
            attempt(locked, f"import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}')")[0]
            == "URLError"
        )
        with pytest.raises(TimeoutError):
            server.accept()


# Processes


@pytest.mark.parametrize(
    "statement",
    [
        "os.fork()",
        "os.forkpty()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv(sys.executable, ['python'])",
        "import subprocess\nsubprocess.run(['true'])",
        "os.kill(os.getppid() or 1, 9)",
        "os.kill(-1, 9)",
        "os.killpg(0, 9)",
        "os.setpriority(os.PRIO_PROCESS, 0, -5)",
        "os.sched_setaffinity(0, [0])",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)",
    ],
)
def test_other_processes_cannot_be_made_or_reached(locked: Worker, statement: str) -> None:
    kind, message = attempt(locked, statement)
    assert kind in (*REFUSED, "ValueError"), message


def test_threads_work(locked: Worker) -> None:
    body = (
        "import concurrent.futures as c\nwith c.ThreadPoolExecutor(4) as p: said = list(p.map(abs, [-1, -2]))"
    )
    assert attempt(locked, body) == ("", "[1, 2]")
    assert attempt(
        locked,
        "import torch\ntorch.set_num_threads(2)\na = torch.ones(600, 600)\nsaid = (a @ a)[0, 0].item()",
    ) == ("", "600.0")


@pytest.mark.parametrize(
    ("name", "x86", "arm", "arguments"),
    [
        ("ptrace", 101, 117, (16, 1, 0, 0)),
        ("process_vm_readv", 310, 270, (1, 0, 0, 0, 0, 0)),
        ("unshare", 272, 97, (0x10000000,)),
        ("setns", 308, 268, (3, 0)),
        ("mount", 165, 40, (0, 0, 0, 0, 0)),
        ("chroot", 161, 51, (0,)),
        ("bpf", 321, 280, (0, 0, 0)),
        ("io_uring_setup", 425, 425, (8, 0)),
        ("userfaultfd", 323, 282, (0,)),
        ("perf_event_open", 298, 241, (0, 0, -1, -1, 0)),
        ("keyctl", 250, 219, (0, -3, 0)),
        ("add_key", 248, 217, (0, 0, 0, 0, 0)),
        ("memfd_create", 319, 279, (0, 0)),
        ("shmget", 29, 194, (0, 4096, 0o1600)),
        ("semget", 64, 190, (0, 1, 0o1600)),
        ("msgget", 68, 186, (0, 0o1600)),
        ("mq_open", 240, 180, (0, 0, 0, 0)),
        ("inotify_init1", 294, 26, (0,)),
        ("pidfd_open", 434, 434, (1, 0)),
        ("kill", 62, 129, (-1, 0)),
        ("seccomp", 317, 277, (0, 0, 0)),
        ("reboot", 169, 142, (0, 0, 0, 0)),
        ("syslog", 103, 116, (10, 0, 0)),
        ("swapon", 167, 224, (0, 0)),
        ("init_module", 175, 105, (0, 0, 0)),
        ("personality", 135, 92, (0x0040000,)),
    ],
)
def test_the_kernel_is_not_asked_for_more(
    locked: Worker, name: str, x86: int, arm: int, arguments: tuple[int, ...]
) -> None:
    number = {"x86_64": x86, "aarch64": arm}[os.uname().machine]
    assert attempt(locked, system_call(number, *arguments)) == ("", "1"), name  # EPERM


def test_memory_has_an_end(locked: Worker) -> None:
    assert attempt(locked, "said = len(bytes(3 * 2**30))")[0] == "MemoryError"
    assert attempt(locked, "import torch\ntorch.zeros(3 * 2**30, dtype=torch.uint8)")[0] == "RuntimeError"


def test_a_child_is_alone(locked: Worker) -> None:
    if locked.level == "full":
        assert attempt(locked, "said = (os.getpid(), os.getppid())") == ("", "(1, 0)")
    assert attempt(locked, "said = os.getpid() == os.getsid(0)") == ("", "True")


def test_no_capability_is_left() -> None:
    source = (
        "from coursekit.grade.jail.system import drop_capabilities\ndrop_capabilities()\n"
        "lines = open('/proc/self/status').read().splitlines()\n"
        "print([line.split()[1] for line in lines if line.startswith(('CapEff', 'CapPrm'))])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == str(["0" * 16, "0" * 16])


def test_every_namespace_is_a_new_one(tmp_path: Path) -> None:
    source = (
        "import os, sys\nfrom coursekit.grade.jail import namespaces\n"
        "kinds = ('user', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid_for_children')\n"
        "def look(): return {kind: os.readlink(f'/proc/self/ns/{kind}') for kind in kinds}\n"
        "before = look()\nown = namespaces.enter_own(sys.argv[1])\nworker = look()\n"
        "if namespaces.fork_into_new(own) == 0:\n"
        "    after = look()\n"
        "    print([kind for kind in kinds if before[kind] == after[kind]], os.getpid())\n"
        "    print([kind for kind in kinds if worker[kind] != after[kind]], flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()"
    )
    scratch = tmp_path / "folder" / "scratch"
    scratch.mkdir(parents=True)
    command = [sys.executable, "-c", source, str(scratch)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed == ["[] 1", "['ipc', 'pid_for_children']"]
    assert not scratch.parent.exists()


# Which level a machine gets


def level_when(statement: str, tmp_path: Path) -> str:
    """The level of a process in which something has been taken away first."""
    source = (
        "import os, sys, pathlib\n"
        "from coursekit.grade import jail\n"
        "from coursekit.grade.jail import landlock, namespaces, seccomp, limits\n"
        "def refuse(*_): raise OSError(1, 'not here')\n"
        f"{statement}\n"
        "print(jail.prepare(pathlib.Path(sys.argv[1])).level, flush=True)\n"
    )
    command = [sys.executable, "-c", source, str(tmp_path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("statement", "level"),
    [
        ("", "full"),
        ("namespaces.enter_own = refuse", "reduced"),
        ("namespaces.mount = refuse", "reduced"),
        ("namespaces.mount = lambda scratch: None", "reduced"),
        ("namespaces.fork_into_new = lambda own: os.fork()", "reduced"),
        ("landlock.ruleset = refuse", "limits-only"),
        ("landlock.restrict = lambda rules: None", "limits-only"),
        ("seccomp.restrict = refuse", "limits-only"),
        ("seccomp.restrict = lambda process: None", "limits-only"),
        ("seccomp.MACHINE = 'riscv64'", "limits-only"),
        ("sys.platform = 'darwin'", "limits-only"),
    ],
)
def test_a_lock_that_is_missing_or_does_not_hold_lowers_the_level(
    statement: str, level: str, tmp_path: Path
) -> None:
    assert level_when(statement, tmp_path) == level


def test_the_folder_is_emptied_between_checks_where_it_lies_on_disk() -> None:
    with Worker(best="limits-only") as worker:
        write = "said = (os.path.basename(os.getcwd()), os.listdir())\nopen('mine', 'w').write('x')"
        assert attempt(worker, write) == attempt(worker, write) == ("", "('scratch', [])")


def test_a_worker_whose_judge_was_killed_leaves_nothing() -> None:
    source = (
        "from coursekit.grade.process import Worker\n"
        "worker = Worker().__enter__()\n"
        "print(worker._folder, worker._running._process.pid, flush=True)\n"
        "input()"
    )
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdout is not None
        folder, process = judge.stdout.readline().split()
        judge.kill()
    end = time.monotonic() + QUICK
    while Path(folder).exists() or Path("/proc", process).exists():
        assert time.monotonic() < end, "the worker or its folder is still there"
        time.sleep(0.05)


@pytest.mark.parametrize("best", ["full", "reduced", "limits-only"])
def test_a_worker_answers_at_every_level_and_never_above_the_one_asked_for(best: Level) -> None:
    with Worker(best=best) as worker:
        assert attempt(worker, "said = x.item()") == ("", "1.0")
        levels = ("full", "reduced", "limits-only")
        assert levels.index(worker.level) >= levels.index(best)


# Around the worker


def test_control_groups_bound_a_worker_where_they_can_be_made() -> None:
    process = subprocess.Popen(["sleep", "100"])
    groups = cgroups.join(process.pid)
    try:
        if not groups.folders:
            pytest.skip("control groups cannot be made here")
        members = [folder / "cgroup.procs" for folder in groups.folders]
        assert any(str(process.pid) in file.read_text().split() for file in members)
        limited = [
            f
            for folder in groups.folders
            for f in folder.glob("memory.*")
            if f.name in ("memory.max", "memory.limit_in_bytes")
        ]
        assert all(int(file.read_text()) == cgroups.MEMORY for file in limited)
    finally:
        process.kill()
        process.wait()
        groups.close()
    assert not any(folder.exists() for folder in groups.folders)


def test_groups_of_judges_that_were_killed_are_cleared_away(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / f"coursekit-{ended.pid}-1").mkdir()
    (tmp_path / f"coursekit-{os.getpid()}-1").mkdir()
    (tmp_path / "coursekit-notes-of-mine").mkdir()
    cgroups.clear_away(tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {
        f"coursekit-{os.getpid()}-1",
        "coursekit-notes-of-mine",
    }


def test_ranges_of_memory_are_read_from_the_table() -> None:
    table = (
        "559c-55a0 r--p 00000000 fe:00 1234 /usr/bin/python\n"
        "55a0-56a0 rw-p 00000000 00:00 0 [heap]\n"
        "7f00-7f10 rw-p 00001000 fe:00 99 /usr/lib/libc.so\n"
        "7f20-7f30 r-xp 00000000 00:00 0 [vdso]\n"
        "7f40-7f50 rw-p 00000000 00:00 0 \n"
    )
    assert written_ranges(table) == [(0x55A0, 0x56A0), (0x7F40, 0x7F50)]


def test_limits_can_only_be_lowered() -> None:
    source = (
        "import resource\nfrom coursekit.grade.jail import limits\n"
        "limits.limit(2.5, limits.mapped_bytes())\nlimits.lower(resource.RLIMIT_NOFILE, 1000)\n"
        "kinds = (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)\n"
        "print([resource.getrlimit(kind) for kind in kinds])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    ).stdout
    files = limits.MAX_OPEN_FILES
    assert printed.strip() == f"[(4, 4), ({files}, {files}), (0, 0)]"


def test_a_fast_reply_does_not_leave_the_child_running(locked: Worker) -> None:
    """An answer that is whole ends the process that gave it, whatever else it meant to do."""
    body = (
        "def pipes():\n"
        "    for k in range(3, 64):\n"
        "        try: os.fstat(k)\n"
        "        except OSError: continue\n"
        "        yield k\n"
        "for k in pipes(): os.write(k, (3).to_bytes(8, 'little') + b'abc')\n"
        "while True: pass"
    )
    source = "import os\ndef f(x):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    begun = time.monotonic()
    ending = locked.run(Task((Block("hw.py", 1, source),), "f", QUESTIONS, QUICK))
    assert (ending.reason, ending.outcomes) == ("done", b"abc")
    assert attempt(locked, "said = 1") == ("", "1") and time.monotonic() - begun < QUICK / 2
