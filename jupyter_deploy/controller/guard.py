"""Brings a controller that was killed back, as long as services run.

A process of its own that imports nothing of ours and sleeps in the kernel until the controller's
lock is free, so it costs no CPU and few megabytes. The lock file says how the controller ended:
one that ended by itself leaves it empty.

``python -I guard.py LOCK``, with the environment of the controller.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time

#: What the lock file says while the controller has services to look after.
SERVING = "serving"

#: Seconds until a dead controller is started again: long enough for a kill of everything to reach
#: this process too, short enough to be hardly noticed.
PAUSE = 1.0


def main(lock: str) -> None:
    """Wait for the controller's end; start another one when it didn't end by itself."""
    alone = os.open(f"{lock}.guard", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alone, fcntl.LOCK_EX)
    held = os.open(lock, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with open(held, closefd=False) as file:
        killed = SERVING in file.read()
    fcntl.flock(held, fcntl.LOCK_UN)
    if not killed:
        return
    time.sleep(PAUSE)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # somebody was quicker
    os.close(held)
    subprocess.Popen(
        [sys.executable, "-m", "jupyter_deploy.controller"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


if __name__ == "__main__":
    main(sys.argv[1])
