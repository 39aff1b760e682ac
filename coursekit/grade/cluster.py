"""Many submissions on many machines: the judges of `batch.py`, handed out by a Dask scheduler.

Files travel as bytes, because the machines need not share a disk, and rows come back. Each thread of a Dask
worker has a judge of its own. Dask gives the submissions of a worker that dies to another one. Whoever can
reach the scheduler can run code on its workers, answers included: it belongs on a network of your own.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from importlib import metadata
from itertools import islice
from pathlib import Path

from distributed import Client, Future, KilledWorker, as_completed, wait

from coursekit.grade.batch import START_SECONDS, STOPPED, Job, Order, Prepared, ungraded
from coursekit.grade.record import Row, public_version
from coursekit.grade.source_files import SubmissionError, content_of
from coursekit.grade.sources import Source, named

CONNECT_SECONDS = 10.0
AHEAD = 3  # submissions on their way per thread: one at work, and the next ones there when it is done
RETRIES = 2  # where a judge could not start, or its machine was shutting down
Contents = list[tuple[str, bytes]]  # names below a student's folder


class Cluster:
    """The workers of a Dask scheduler, for the length of a `with` statement.

    Raises a ValueError if it cannot be reached, or its workers would not judge as this machine does.
    """

    def __init__(self, order: Order, address: str) -> None:
        self._key = secrets.token_hex(8)
        self._order = order
        own = Path(order.target)
        self._exercise = own.read_bytes() if own.suffix == ".py" and own.is_file() else None
        self._client = connect(address)
        try:
            check_versions(self._client)
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(Exception):  # of workers that are gone, nothing is left to close
            self._client.run(close_desk, self._key, on_error="ignore")
        self._client.close()

    def prepared(self) -> Prepared:
        """Wait until all workers can begin. Raises a ValueError where one of them refuses to."""
        arguments = (self._key, self._order, self._exercise)
        asked = [
            self._client.submit(prepare_there, *arguments, workers=[worker], pure=False, retries=RETRIES)
            for worker in self._client.nthreads()
        ]
        wait(asked, timeout=START_SECONDS)  # a worker that dies now takes its answer with it
        answers: list[Prepared] = self._client.gather(asked)
        self._prepared = answers[0]
        return self._prepared

    def grade(self, sources: Sequence[Source]) -> Iterator[Row]:
        """A row for each submission, as they finish; a bounded number is under way."""
        room = AHEAD * sum(self._client.nthreads().values())
        waiting = iter(sources)
        under_way: dict[Future[Row], Source] = {}
        finished = as_completed()
        while True:
            for source in islice(waiting, room - len(under_way)):
                try:
                    contents = [(name, content_of(file)) for name, file in named(source.files)]
                except SubmissionError as error:
                    yield ungraded(self._prepared, source, f"{str(error).capitalize()}.")
                    continue
                future = self._send(source.name, contents)
                under_way[future] = source
                finished.add(future)
            if not under_way:
                return
            future = next(finished)
            yield self._row(future, under_way.pop(future))

    def _send(self, name: str, contents: Contents) -> Future[Row]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook with pictures is large, and is sent once
            return self._client.submit(
                grade_there,
                *(self._key, self._order, self._exercise, name, contents),
                pure=False,
                retries=RETRIES,
            )

    def _row(self, future: Future[Row], source: Source) -> Row:
        try:
            row: Row = future.result()
        except KilledWorker:
            return ungraded(
                self._prepared, source, "The machines that graded this submission went down one by one."
            )
        except CancelledError:
            raise OSError("the connection to the Dask scheduler was lost") from None
        row["files"] = [str(file) for file in source.files]
        return row


def connect(address: str) -> Client:
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {address} ({error})") from None
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        client.close()
        raise ValueError(
            f"the Dask scheduler at {address} has no workers: start some with dask worker"
        ) from None
    return client


def check_versions(client: Client) -> None:
    """Refuse workers that would not judge as this machine does."""
    for package in ("coursekit", "torch"):
        here = public_version(metadata.version(package))
        for worker, there in client.run(metadata.version, package, on_error="return").items():
            if not isinstance(there, str):
                raise ValueError(f"{package} is not installed on the Dask worker {worker}")
            if public_version(there) != here:
                raise ValueError(f"the Dask worker {worker} has {package} {there}; this machine has {here}")


# On a worker


class Desk:
    """The judges that a Dask worker keeps for one run, one per thread."""

    def __init__(self, order: Order, exercise: bytes | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="coursekit-", ignore_cleanup_errors=True)
        if exercise is not None:  # an instructor's file is on another machine's disk
            path = Path(self._folder.name, Path(order.target).name)
            path.write_bytes(exercise)
            order = order._replace(target=str(path))
        self._order = order
        self._jobs: list[Job] = []
        self._idle: list[Job] = []
        self._closed = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def job(self) -> Iterator[Job]:
        """A judge that is at nothing else."""
        with self._lock:
            if self._closed:
                raise OSError(STOPPED)
            if not self._idle:
                self._idle.append(Job(self._order))
                self._jobs.append(self._idle[-1])
            job = self._idle.pop()
        try:
            yield job
        finally:
            self._idle.append(job)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        for job in self._jobs:
            job.close()
        self._folder.cleanup()


DESKS: dict[str, Desk] = {}  # by run
opening = threading.Lock()


def desk(key: str, order: Order, exercise: bytes | None) -> Desk:
    with opening:
        if key not in DESKS:
            DESKS[key] = Desk(order, exercise)
        return DESKS[key]


def close_desk(key: str) -> None:
    with opening:
        found = DESKS.pop(key, None)
    if found is not None:
        found.close()


def prepare_there(key: str, order: Order, exercise: bytes | None) -> Prepared:
    with desk(key, order, exercise).job() as job:
        return job.prepared()


def grade_there(key: str, order: Order, exercise: bytes | None, name: str, contents: Contents) -> Row:
    with tempfile.TemporaryDirectory(prefix="coursekit-") as folder:
        source = Source(name, tuple(Path(folder, inside) for inside, _ in contents))
        for file, (_, content) in zip(source.files, contents, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        with desk(key, order, exercise).job() as job:
            return job.grade(source)
