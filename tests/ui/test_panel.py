"""The panel with a real model behind it."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.config import Paths
from jupyter_deploy.types import DeploymentState
from tests import models
from tests.ui.conftest import SCREENSHOTS, Lab, deploy
from tests.waiting import wait_for

#: Notes when the card of `name` first shows `version` as running, by the page's clock.
WATCH = """([name, version]) => {
  const shown = () => document.querySelector(
    `[data-deployment="${name}"][data-state="running"] .jp-deploy-Version`
  )?.textContent === version;
  window.seen = shown() ? Date.now() : null;
  new MutationObserver(() => {
    if (window.seen === null && shown()) { window.seen = Date.now(); }
  }).observe(
    document.body, {childList: true, subtree: true, characterData: true, attributes: true}
  );
}"""


@pytest.fixture(scope="module")
def deployed(lab: Lab) -> str:
    deploy("churn")
    return "churn"


@pytest.fixture
def churn(lab: Lab, deployed: str) -> str:
    """A live deployment; its version."""
    with ControllerClient(lab.paths) as client:
        client.set_running(deployed, True)

        def running() -> str | None:
            info = client.deployment(deployed).deployment
            return info.version if info.state == DeploymentState.RUNNING else None

        return wait_for(running, 20, "the deployment") or ""


def card(page: Page, name: str = "churn") -> Locator:
    return page.locator(f'[data-deployment="{name}"]')


def endpoint(paths: Paths, name: str = "churn") -> str:
    with ControllerClient(paths) as client:
        return client.deployment(name).deployment.endpoint


def predict(paths: Paths) -> int:
    """Ask the endpoint for a prediction; the status it answers with."""
    name, _, key = paths.key_header.read_text().strip().partition(": ")
    request = urllib.request.Request(
        f"{endpoint(paths)}/predict",
        data=json.dumps(models.cancer()[0].head(2).to_dict("records")).encode(),
        headers={name: key, "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except HTTPError as error:
        with error:
            return error.code


def test_a_deployment_is_listed_with_version_state_and_endpoint(
    page: Page, lab: Lab, churn: str
) -> None:
    shown = card(page)
    expect(shown.get_by_role("heading")).to_have_text("churn")
    expect(shown.locator(".jp-deploy-Version")).to_have_text(churn)
    expect(shown.locator(".jp-deploy-State")).to_have_text("Running")
    expect(shown.locator("code")).to_have_text(endpoint(lab.paths))
    expect(shown).to_contain_text("onnxruntime")
    assert predict(lab.paths) == 200


def test_a_deploy_in_another_process_is_seen_within_a_second(
    page: Page, lab: Lab, churn: str
) -> None:
    expect(card(page)).to_be_visible()
    page.evaluate(WATCH, ["tumor", "1.0.0"])
    assert deploy("tumor", "forest") == "1.0.0"
    page.wait_for_function("window.seen !== null")
    with ControllerClient(lab.paths) as client:
        live = next(
            event
            for event in client.events(after=0, deployment="tumor").events
            if event.kind == "deployment.live"
        )
    late = page.evaluate("window.seen") / 1000 - datetime.fromisoformat(live.time).timestamp()
    print(f"seen {late * 1000:.0f} ms after it was live")
    assert -0.05 < late <= 1


def test_a_new_version_takes_the_place_of_the_old_one(page: Page, churn: str) -> None:
    expect(card(page).locator(".jp-deploy-Version")).to_have_text(churn)
    newer = deploy("churn")
    assert newer != churn
    expect(card(page).locator(".jp-deploy-Version")).to_have_text(newer)
    expect(card(page)).to_have_count(1)


def test_stop_and_start_by_mouse(page: Page, lab: Lab, churn: str) -> None:
    card(page).get_by_role("button", name="Stop churn").click()
    card(page).get_by_role("button", name="Stop it").click()
    expect(card(page).locator(".jp-deploy-State")).to_have_text("Stopped")
    assert predict(lab.paths) == 404
    card(page).get_by_role("button", name="Start churn").click()
    expect(card(page).locator(".jp-deploy-State")).to_have_text("Running")
    wait_for(lambda: predict(lab.paths) == 200, 10, "an answer of the started deployment")


def test_stop_asks_once_and_takes_no_for_an_answer_by_keyboard(
    page: Page, lab: Lab, churn: str
) -> None:
    stop = card(page).get_by_role("button", name="Stop churn")
    stop.focus()
    page.keyboard.press("Enter")
    expect(card(page).get_by_role("button", name="Stop it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(stop).to_be_focused()
    expect(card(page).get_by_role("button", name="Stop it")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    expect(card(page).get_by_role("button", name="Copy the endpoint of churn")).to_be_focused()
    assert predict(lab.paths) == 200


def test_copy_puts_the_endpoint_into_the_clipboard(page: Page, lab: Lab, churn: str) -> None:
    card(page).get_by_role("button", name="Copy the endpoint of churn").click()
    address = endpoint(lab.paths)
    assert page.evaluate("navigator.clipboard.readText()") == address
    expect(page.locator("#jupyter-deploy-panel [role=status]")).to_have_text(f"Copied: {address}")


def test_every_button_has_a_name(page: Page, churn: str) -> None:
    expect(card(page)).to_be_visible()
    names = page.locator("#jupyter-deploy-panel button").evaluate_all(
        "all => all.map(button => button.getAttribute('aria-label') || button.textContent.trim())"
    )
    assert len(names) >= 3
    assert all(names)
    assert len(set(names)) == len(names)


def test_the_commands_are_in_the_palette(page: Page) -> None:
    page.keyboard.press("Control+Shift+C")
    page.keyboard.type("Model Deployments")
    items = page.locator(".lm-CommandPalette-itemLabel")
    expect(items.filter(has_text="Show Model Deployments")).to_be_visible()
    expect(items.filter(has_text="Refresh Model Deployments")).to_be_visible()


def test_it_is_right_in_both_themes(page: Page, lab: Lab, churn: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    deploy("pricing", "ridge")
    with ControllerClient(lab.paths) as client:
        client.set_running("pricing", False)
    expect(card(page).locator(".jp-deploy-State")).to_have_text("Running")
    expect(card(page, "pricing").locator(".jp-deploy-State")).to_have_text("Stopped")
    backgrounds = set()
    for theme in ("Light", "Dark"):
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
            f"JupyterLab {theme}",
        )
        expect(page.locator("body")).to_have_attribute("data-jp-theme-name", f"JupyterLab {theme}")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        page.locator(".jp-LauncherCard").first.wait_for()
        page.screenshot(
            path=SCREENSHOTS / f"panel-{theme.lower()}.png",
            clip={"x": 0, "y": 0, "width": 760, "height": 560},
        )
        backgrounds.add(card(page).evaluate("card => getComputedStyle(card).backgroundColor"))
    assert len(backgrounds) == 2
