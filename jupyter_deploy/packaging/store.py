"""Put a Bento into the user's store in one atomic step.

A Bento is written into a private folder beside the store, in its ``tmp``, and renamed into
place: ``bentoml list`` shows all of it or nothing. (``bentoml.build`` registers first and copies
after, so that an interrupted one leaves an entry which makes every later ``bentoml list`` fail.)

A kill leaves the private folder. The next build removes it: builders hold a shared lock for as
long as they work, so whoever gets it exclusively knows that every folder there is abandoned.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from jupyter_deploy.exceptions import ConflictError, PackagingError

_PREFIX = "jupyter-deploy-"
_LOCK = ".jupyter-deploy.lock"


def bento_home() -> Path:
    """Return the folder BentoML keeps everything in, as it finds it itself."""
    home = os.environ.get("BENTOML_HOME") or os.path.join("~", "bentoml")
    return Path(os.path.expanduser(os.path.expandvars(home))).absolute()


def add_to_store(
    home: Path, name: str, version: str, write: Callable[[Path], None], *, size: int = 0
) -> Path:
    """Add a Bento to the store at `home`.

    Parameters
    ----------
    write
        Fills the folder it is given; nothing is listed until it has returned.
    size
        Bytes of the Bento, roughly, to say how much is needed when there is no room for it.

    Returns
    -------
    Path
        The folder of the Bento.

    Raises
    ------
    ConflictError
        When the store has that version already.
    PackagingError
        When the store can't be written to.
    """
    target = home / "bentos" / name / version
    if _taken(target):
        raise _conflict(name, version)
    try:
        for folder in (home, home / "bentos", home / "models", home / "envs", home / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        with _staging(home / "tmp") as staging:
            bento = staging / "bento"
            bento.mkdir(mode=0o700)
            write(bento)
            # while there may still be no room for it
            (staging / "latest").write_text(version)
            _make_private_and_durable(staging)
            try:
                _publish(staging, target)
            except BaseException:
                _withdraw(staging, target)
                raise
    except OSError as error:
        if _taken(target):
            raise _conflict(name, version) from error
        raise _unwritable(home, error, size) from error
    return target


def _unwritable(home: Path, error: OSError, size: int) -> PackagingError:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return PackagingError(
            f"The Bento could not be written to {home}: {error.strerror or error}.",
            "Nothing was left in the store. Set BENTOML_HOME to a folder that can be written to.",
        )
    return PackagingError(
        f"The Bento needs about {_megabytes(size)} in {home}, which has "
        f"{_megabytes(_free(home))} left for you: {error.strerror}.",
        "Nothing was left in the store. Free some space there (bentoml list, bentoml delete "
        "NAME:VERSION), or set BENTOML_HOME to another folder, and deploy again.",
        needed=size,
        folder=str(home),
    )


def _free(folder: Path) -> int:
    """Bytes left on the disk that `folder` is on, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _taken(target: Path) -> bool:
    # an empty folder is what an interrupted bentoml leaves: it is no Bento, rename replaces it
    with suppress(FileNotFoundError, NotADirectoryError):
        return any(target.iterdir())
    return False


def _conflict(name: str, version: str) -> ConflictError:
    return ConflictError(
        f"The Bento store has {name}:{version} already, and versions never change.",
        f"Deploy without a version number to get the next one, or: bentoml delete {name}:{version}",
    )


@contextmanager
def _staging(tmp: Path) -> Iterator[Path]:
    lock = os.open(tmp / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for abandoned in tmp.glob(f"{_PREFIX}*"):
                shutil.rmtree(abandoned, ignore_errors=True)
        fcntl.flock(lock, fcntl.LOCK_SH)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=tmp))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _make_private_and_durable(folder: Path) -> None:
    """Keep a pickle from other users, and have the bytes on disk before the name."""
    paths = []
    for root, _, files in os.walk(folder):
        os.chmod(root, 0o700)
        paths.append(root)
        for name in files:
            path = os.path.join(root, name)
            os.chmod(path, 0o600)
            paths.append(path)
    # at once: a disk takes them all in the time of a few
    with ThreadPoolExecutor(16, thread_name_prefix="fsync") as pool:
        for _ in pool.map(_flush, paths):
            pass


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(staging: Path, target: Path) -> None:
    """Give the Bento its name, and ``NAME:latest`` to it.

    BentoML finds the latest by itself when that file is missing.
    """
    target.parent.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        shutil.copyfile(target.parent / "latest", staging / "previous")
    os.rename(staging / "bento", target)
    os.replace(staging / "latest", target.parent / "latest")


def _withdraw(staging: Path, target: Path) -> None:
    """Undo what was done of :func:`_publish`."""
    latest, previous = target.parent / "latest", staging / "previous"
    if not (staging / "latest").exists():
        if previous.exists():
            os.replace(previous, latest)
        else:
            latest.unlink(missing_ok=True)
    if not (staging / "bento").exists():
        os.rename(target, staging / "bento")
    with suppress(OSError):  # other versions are in it
        target.parent.rmdir()
