"""``demo --lab``: what a user's own browser is sent to shows the notebook and the panel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from jupyter_deploy.config import Paths
from tests.waiting import wait_for

#: Stands for the user's browser: keeps the page that JupyterLab would open.
OPENER = """#!/bin/sh
cp "${1#file://}" "$OPENED.part" && mv "$OPENED.part" "$OPENED"
"""


def test_the_notebook_opens_with_the_panel(paths: Paths, browser: Browser, tmp_path: Path) -> None:
    opened = tmp_path / "opened.html"
    opener = tmp_path / "browser"
    opener.write_text(OPENER)
    opener.chmod(0o700)
    settings = Path(os.environ["JUPYTER_CONFIG_DIR"], "lab/user-settings/@jupyterlab")
    settings = settings / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    with (tmp_path / "log").open("wb") as log:
        lab = subprocess.Popen(
            [sys.executable, "-m", "jupyter_deploy", "demo", "--lab"],
            stdout=log,
            stderr=log,
            env={**os.environ, "BROWSER": str(opener), "OPENED": str(opened)},
        )
    try:
        wait_for(lambda: opened.exists() or lab.poll() is not None, 120, "the browser to be called")
        assert opened.exists(), (tmp_path / "log").read_text()
        (url,) = set(
            re.findall(r"http://[^\"<]+token=\w+", opened.read_text().replace("&amp;", "&"))
        )
        page = browser.new_page()
        page.goto(url)
        page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=60_000)
        expect(page.locator("#jupyter-deploy-panel")).to_contain_text("cancer")
        expect(page.locator("#jupyter-deploy-panel")).to_contain_text("1.1.0")
        expect(page.locator(".jp-Notebook")).to_contain_text("From a trained model")
        # a server that is ended while it starts a kernel waits for that kernel
        expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle", timeout=60_000)
        page.screenshot(path=Path(__file__).parent / "screenshots" / "demo-lab.png")
        page.close()
    finally:
        lab.terminate()
        try:
            lab.wait(60)
        finally:
            lab.kill()
            lab.wait()
