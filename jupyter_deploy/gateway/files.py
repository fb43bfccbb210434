"""The gateway's files, and how they are replaced.

::

    RUN_DIR/bootstrap.json       what Envoy is started with
    RUN_DIR/{cds,rds,lds,ecds}/  one watched folder for each kind of resource
    RUN_DIR/good/                the configuration that last proved itself
    RUN_DIR/new/                 files being written, on the same file system
    RUN_DIR/process.json         which process serves it
    RUN_DIR/admin.sock           Envoy's admin interface, ours alone
    RUN_DIR/ready.sock           answers whether every live version is ready
    LOG_DIR/gateway.log          what Envoy has to say (of routes it refuses: all, the key too,
                                 hence the validation of everything before it sees it)
    LOG_DIR/access.jsonl         one line for every request

Envoy reads a file again only when one is *renamed* into its folder, and then everything in that
folder, hence one folder each. A watched folder must never be deleted: Envoy would lose the
watch without saying so. All is 0600 in 0700 folders, since the routes hold the key.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.config import SOCKET_PATH_MAX
from jupyter_deploy.exceptions import GatewayError

#: The resources that change while Envoy runs, by the names of its discovery services.
KINDS = ("lds", "cds", "rds", "ecds")


@dataclass(frozen=True)
class GatewayFiles:
    """Paths of one gateway."""

    run_dir: Path
    log_dir: Path

    @property
    def bootstrap(self) -> Path:
        return self.run_dir / "bootstrap.json"

    @property
    def process(self) -> Path:
        return self.run_dir / "process.json"

    @property
    def admin_socket(self) -> Path:
        return self.run_dir / "admin.sock"

    @property
    def ready_socket(self) -> Path:
        return self.run_dir / "ready.sock"

    @property
    def log(self) -> Path:
        return self.log_dir / "gateway.log"

    @property
    def access_log(self) -> Path:
        return self.log_dir / "access.jsonl"

    def watched(self, kind: str) -> Path:
        """Return the file of one kind of resource, alone in its watched folder."""
        return self.run_dir / kind / f"{kind}.json"

    def good(self, kind: str) -> Path:
        """Return the copy of the last `kind` that proved itself."""
        return self.run_dir / "good" / f"{kind}.json"

    def ensure(self) -> None:
        """Create the folders that are missing.

        Raises
        ------
        GatewayError
            When `run_dir` is too long to hold a Unix socket.
        """
        if len(os.fsencode(self.admin_socket)) > SOCKET_PATH_MAX:
            raise GatewayError(
                f"The folder {self.run_dir} is too long for a Unix socket.",
                "Set JUPYTER_DEPLOY_RUNTIME to a short private folder on a local disk.",
            )
        for folder in (
            self.run_dir,
            self.log_dir,
            *(self.run_dir / name for name in (*KINDS, "good", "new")),
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, target: Path, text: str) -> None:
        """Replace `target` in one step; readers see the old text or the new one."""
        fresh = self.run_dir / "new" / f"{os.getpid()}-{target.name}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        fresh.replace(target)

    def read(self, target: Path) -> str | None:
        """Return the text of `target`, None when there is no such file."""
        try:
            return target.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None


def encode(document: dict[str, Any]) -> str:
    """Return a configuration document as text: JSON, since Envoy's YAML reads ``n`` as false."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True)
