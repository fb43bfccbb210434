"""``python -m jupyter_deploy.controller``: one per state folder; the second one leaves at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from logging.handlers import RotatingFileHandler

from jupyter_deploy import config
from jupyter_deploy.controller.serve import serve, take_lock
from jupyter_deploy.exceptions import DeployError


def main() -> int:
    """Run until SIGTERM or a shutdown request; services are left running.

    Returns
    -------
    int
        0, also when another controller runs already; 1 when it can't start.
    """
    os.umask(0o077)
    # a closed terminal or an interrupted kernel is no reason to end
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        paths = config.paths().ensure()
        if (lock := take_lock(paths.controller_lock, paths.controller_socket)) is None:
            print(f"A controller already runs for {paths.home}.")
            return 0
    except DeployError as error:
        print(error, file=sys.stderr)
        return 1
    # children find their installation by these, whether or not the user set them
    os.environ["JUPYTER_DEPLOY_HOME"] = str(paths.home)
    os.environ["JUPYTER_DEPLOY_RUNTIME"] = str(paths.runtime)
    # workers inherit the folder: none of the user's, which may be removed
    os.chdir(paths.home)
    handler = RotatingFileHandler(paths.controller_log, maxBytes=2_000_000, backupCount=3)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("alembic", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        asyncio.run(serve(paths, lock))
    except DeployError as error:
        logging.getLogger(__name__).error("%s", error)
        print(error, file=sys.stderr)
        return 1
    finally:
        lock.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
