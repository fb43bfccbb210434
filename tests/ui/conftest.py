"""A real JupyterLab in a real Chromium; nothing here fakes a server, a controller or a model."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError

import psutil
import pytest
from jupyter_core.paths import ENV_JUPYTER_PATH
from playwright.sync_api import Browser, BrowserType, Page, expect, sync_playwright

from jupyter_deploy.config import Paths
from tests.conftest import shared_paths
from tests.waiting import wait_for

expect.set_options(timeout=15_000)

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
LABEXTENSION = Path(ENV_JUPYTER_PATH[0], "labextensions", "@jupyter-deploy", "labextension")

#: Several of the flags keep Chromium from talking to its maker during a test.
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: A Jupyter server whose server half says that it is of another version.
OTHER_VERSION = """
import jupyter_deploy._version as written
written.__version__ = "0.0.9"
from jupyterlab.labapp import main
main()
"""

__all__ = ["shared_paths"]


def find_chromium(playwright: BrowserType) -> str:
    """CHROMIUM_PATH, then PATH, then Playwright's own, which is fetched when there is no other."""
    for name in (
        os.environ.get("CHROMIUM_PATH"),
        "chromium",
        "chromium-browser",
        "google-chrome",
        playwright.executable_path,
    ):
        if name and (found := shutil.which(name)):
            return found
    try:
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", "") or str(error)
        pytest.fail(
            "The browser tests need Chromium. Install it with:\n"
            "    apt-get install -y chromium\n"
            "or set CHROMIUM_PATH to one. `playwright install chromium` was tried and said:\n"
            + str(said)[-1000:]
        )
    return playwright.executable_path


# of a module and no longer: while Playwright runs, no other event loop can in this thread
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = FLAGS + (["--no-sandbox"] if os.geteuid() == 0 else [])
        browser = playwright.chromium.launch(
            executable_path=find_chromium(playwright.chromium), args=flags
        )
        yield browser
        browser.close()


class Lab:
    """A JupyterLab process, and the installation of jupyter_deploy it looks after."""

    def __init__(self, paths: Paths, folder: Path, program: list[str], config: str) -> None:
        self.paths = paths
        self._token = secrets.token_hex(8)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        (folder / "files").mkdir(parents=True)
        settings = folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
        settings.mkdir(parents=True)
        # its question about news would lie over the panel
        (settings / "notification.jupyterlab-settings").write_text(
            '{"fetchNews": "false", "checkForUpdates": false}'
        )
        (folder / "config/jupyter_server_config.json").write_text(config)
        self._log = folder / "lab.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, *program),
                    "--no-browser",
                    "--allow-root",
                    f"--ServerApp.port={self.url.rpartition(':')[2]}",
                    "--ServerApp.port_retries=0",
                    f"--ServerApp.root_dir={folder / 'files'}",
                    f"--IdentityProvider.token={self._token}",
                    "--LabApp.expose_app_in_browser=True",
                ],
                cwd=folder,
                env={
                    **os.environ,
                    "JUPYTER_CONFIG_DIR": str(folder / "config"),
                    "JUPYTER_DATA_DIR": str(folder / "data"),
                    "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
                },
                stdout=log,
                stderr=log,
            )

    def answers(self) -> bool:
        """Whether the server is up; fails when its process has ended."""
        assert self.process.poll() is None, self._log.read_text()
        try:
            urllib.request.urlopen(f"{self.url}/api?token={self._token}", timeout=5).close()
        except (URLError, OSError):
            return False
        return True

    def stop(self) -> None:
        """End it as Ctrl-C twice or a hub does."""
        self.process.terminate()
        try:
            self.process.wait(15)
        finally:
            self.process.kill()
            self.process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def open(self, page: Page) -> None:
        """Open the panel."""
        page.goto(f"{self.url}/lab?token={self._token}&reset")
        page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=60_000)
        page.locator('.jp-SideBar .lm-TabBar-tab[data-id="jupyter-deploy-panel"]').click()
        page.locator("#jupyter-deploy-panel h2").wait_for()


@pytest.fixture(scope="module")
def start_lab(
    shared_paths: Paths, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Lab]]:
    """Start JupyterLab, perhaps with a server half that is disabled or of another version."""
    assert (LABEXTENSION / "package.json").exists(), (
        "The panel is not installed in this environment: pip install ."
    )
    with ExitStack() as stack:

        def start(*, server_half: bool = True, other_version: bool = False) -> Lab:
            config = {"ServerApp": {"jpserver_extensions": {"jupyter_deploy": server_half}}}
            program = ["-c", OTHER_VERSION] if other_version else ["-m", "jupyterlab"]
            lab = Lab(shared_paths, tmp_path_factory.mktemp("lab"), program, json.dumps(config))
            stack.callback(lab.stop)
            wait_for(lab.answers, 60, "JupyterLab")
            return lab

        yield start


@pytest.fixture(scope="module")
def lab(start_lab: Callable[..., Lab]) -> Lab:
    return start_lab()


@pytest.fixture
def blank(browser: Browser) -> Iterator[Page]:
    """A page of its own; an error on its console that is not about a request fails the test."""
    context = browser.new_context(
        viewport={"width": 1200, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors


@pytest.fixture
def page(lab: Lab, blank: Page) -> Page:
    """A page with the panel open."""
    lab.open(blank)
    return blank


def deploy(name: str, model: str = "logistic") -> str:
    """Deploy a model of tests/models.py from another process, as a kernel does; its version."""
    script = (
        "import jupyter_deploy as jd\n"
        "from tests import models\n"
        f"model, sample = models.{model}()\n"
        f"print(jd.deploy(model, name={name!r}, sample=sample).version)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def process(pid: int | None) -> psutil.Process:
    assert pid is not None
    return psutil.Process(pid)
