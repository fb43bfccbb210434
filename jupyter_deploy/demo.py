"""``jupyter model-deploy demo``: the shipped quickstart notebook, run as a user would.

It runs in this very interpreter, whatever kernels the user has installed, and its executed copy
stays in the state folder. The service it deploys is left running.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from jupyter_deploy.commands.results import Deployed
from jupyter_deploy.exceptions import DeployError, NotFoundError

if TYPE_CHECKING:
    from jupyter_deploy.config import Paths

_PACKAGE = Path(__file__).resolve().parent
_HEADING = re.compile(r"^##\s+(.+)$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class DemoError(DeployError):
    """A cell of the demo failed."""

    code = "demo"


def demo(*, lab: bool = False, out: TextIO | None = None) -> int:
    """Run the quickstart and say what stands afterwards.

    Parameters
    ----------
    lab
        Then become JupyterLab, opened on the executed notebook.
    out
        Where the lines go; standard output by default.

    Returns
    -------
    int
        Exit code 0.

    Raises
    ------
    DemoError
        When a cell fails, with the cell's own short error.
    NotFoundError
        When the notebook isn't shipped with this installation.
    """
    from jupyter_deploy.client.launch import ensure_controller
    from jupyter_deploy.config import paths

    out = out or sys.stdout
    installation = paths().ensure()
    folder = installation.home / "demo"
    folder.mkdir(mode=0o700, exist_ok=True)
    executed = folder / "quickstart.ipynb"
    with ensure_controller(installation) as controller:
        before = {info.name: info.version for info in controller.deployments()}
        _execute(quickstart(), executed, out)
        new = [d for d in controller.deployments() if before.get(d.name) != d.version]
    for info in new:
        _say(_farewell(info.name, installation), out)
    _say(f"The executed notebook: {executed}", out)
    if lab:
        out.flush()
        _become_lab(executed)
    return 0


def quickstart() -> Path:
    """Return the shipped notebook: in an installed wheel, or in a source checkout.

    Raises
    ------
    NotFoundError
        When it is in neither.
    """
    for folder in (_PACKAGE, _PACKAGE.parent):
        path = folder / "examples" / "quickstart.ipynb"
        if path.exists():
            return path
    raise NotFoundError(
        "The quickstart notebook isn't part of this installation.",
        "Install again: pip install --force-reinstall --no-deps jupyter-model-deploy",
    )


def _execute(source: Path, target: Path, out: TextIO) -> None:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    watch = _Watch(_sections(source), out)
    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            kernel_name="python3",
            cwd=str(target.parent),
            progress_bar=False,
            # what follows is nbclient's, by way of papermill
            kernel_manager_class=_this_interpreter(),
            on_cell_start=watch.begins,
            extra_arguments=["--IPKernelApp.log_level=40"],  # errors; warnings are no news here
        )
    except PapermillExecutionError as error:
        watch.ended(ok=False)
        said = _COLOUR.sub("", f"{error.ename}: {error.evalue}")
        raise DemoError(
            f"The cell `{_first_line(error.source)}` failed.\n{said}",
            f"The notebook up to there: {target}",
        ) from None
    watch.ended(ok=True)


def _sections(source: Path) -> dict[int, str]:
    """Return the headings that have code under them, by the position of their cell."""
    import nbformat

    notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    found: dict[int, str] = {}
    last: tuple[int, str] | None = None
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            if last is not None:
                found.setdefault(*last)
        elif heading := _HEADING.search(cell.source):
            last = (index, heading[1])
    return found


def _this_interpreter() -> type:
    """Return a kernel manager whose one kernel is ipykernel in this interpreter."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class ThisInterpreter(AsyncKernelManager):  # type: ignore[misc,unused-ignore]
        """Doesn't look kernels up: a user's ``python3`` may be another environment."""

        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**get_kernel_dict())

    return ThisInterpreter


class _Watch:
    """A line per section of the notebook, with its time."""

    def __init__(self, sections: dict[int, str], out: TextIO) -> None:
        self._sections = sections
        self._out = out
        self._moves = out.isatty()
        self._heading = ""
        self._begin = 0.0

    def begins(self, *, cell: Any, cell_index: int) -> None:
        """Take a cell that begins; called by nbclient."""
        if cell["cell_type"] != "code" and _HEADING.search(cell["source"]):
            self.ended(ok=True)
        if cell_index in self._sections:
            self._heading, self._begin = self._sections[cell_index], time.monotonic()
            if self._moves:
                self._write(f"… {self._heading}")

    def ended(self, *, ok: bool) -> None:
        """Say that the section that runs has ended."""
        if self._heading:
            seconds = time.monotonic() - self._begin
            mark = "✓" if ok else "✗"
            self._write(
                ("\r\033[K" if self._moves else "") + f"{mark} {self._heading}  {seconds:.1f} s\n"
            )
        self._heading = ""

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _farewell(name: str, installation: Paths) -> str:
    from jupyter_deploy.client.deployment import Deployment

    deployment = Deployment(name, installation=installation)
    shown = Deployed(deployment, deployment.status(), deployment.key_header)
    info = shown.info
    return "\n".join(
        [
            "",
            f"{name} {info.version} is {info.state.value}, and goes on running.",
            "",
            f"  endpoint   {info.endpoint}/predict",
            "  ask it:",
            f"    {shown.curl}",
            f"  stop it:   jupyter model-deploy stop {name}",
            "  stop all:  jupyter model-deploy down",
            "",
        ]
    )


def _become_lab(notebook: Path) -> None:
    # a container's root has no other user to be
    root: Sequence[str] = ["--allow-root"] if os.geteuid() == 0 else []
    command = [
        *(sys.executable, "-m", "jupyterlab", *root),
        f"--ServerApp.root_dir={notebook.parent}",
        # the query asks our panel to come to the front
        f"--LabApp.default_url=/lab/tree/{notebook.name}?model-deploy",
    ]
    os.execv(sys.executable, command)  # noqa: S606  no shell on purpose


def _first_line(source: str) -> str:
    lines = str(source).strip().splitlines()
    return lines[0] if lines else ""


def _say(text: str, out: TextIO) -> None:
    out.write(f"{text}\n")
    out.flush()
