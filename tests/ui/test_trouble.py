"""What stands in the way is said, with how to mend it; the panel itself always opens."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.client.launch import end_controller, ensure_controller
from jupyter_deploy.config import Paths
from tests.ui.conftest import Lab, process

#: Keeps the title of every notice that appears, however short it stays.
KEEP = """() => {
  window.notices = [];
  new MutationObserver(() => {
    for (const title of document.querySelectorAll('.jp-deploy-Notice h3')) {
      window.notices.push(title.textContent);
    }
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""


def notice(page: Page, kind: str) -> Locator:
    return page.locator(f'#jupyter-deploy-panel [data-trouble="{kind}"]')


def pid(paths: Paths) -> int:
    with ControllerClient(paths) as client:
        return client.info().pid


@pytest.fixture
def controller(shared_paths: Paths) -> Paths:
    ensure_controller(shared_paths).close()
    return shared_paths


def test_a_missing_server_half(start_lab: Callable[..., Lab], blank: Page) -> None:
    lab = start_lab(server_half=False)
    lab.open(blank)
    shown = notice(blank, "missing")
    expect(shown).to_contain_text("The server half is missing")
    expect(shown).to_contain_text("pip install jupyter-model-deploy")
    expect(shown).to_contain_text("jupyter server extension enable jupyter_deploy")


def test_a_server_half_of_another_version(start_lab: Callable[..., Lab], blank: Page) -> None:
    lab = start_lab(other_version=True)
    lab.open(blank)
    shown = notice(blank, "version")
    expect(shown).to_contain_text("The server half is 0.0.9, this panel is")
    expect(shown.get_by_role("button", name="Reload the page")).to_be_visible()


def test_a_jupyter_server_that_does_not_answer(page: Page) -> None:
    expect(page.locator("#jupyter-deploy-panel")).to_contain_text("No model is deployed yet.")
    page.context.set_offline(True)
    page.get_by_role("button", name="Refresh the list of deployments").click()
    expect(notice(page, "offline")).to_contain_text("The Jupyter server does not answer")
    page.context.set_offline(False)
    # by itself, without anybody pressing a button
    expect(notice(page, "offline")).to_have_count(0)


def test_a_killed_controller_is_named_and_comes_back(controller: Paths, page: Page) -> None:
    refresh = page.get_by_role("button", name="Refresh the list of deployments")
    refresh.click()
    page.evaluate(KEEP)
    before = pid(controller)
    process(before).kill()
    page.wait_for_function("window.notices.includes('The controller is starting')")
    expect(notice(page, "controller")).to_have_count(0)
    assert pid(controller) != before


def test_a_controller_that_hangs(controller: Paths, page: Page) -> None:
    hung = process(pid(controller))
    hung.send_signal(signal.SIGSTOP)
    try:
        page.get_by_role("button", name="Refresh the list of deployments").click()
        shown = notice(page, "controller")
        expect(shown).to_contain_text("The controller does not answer")
        expect(shown).to_contain_text("jupyter model-deploy up")
    finally:
        hung.send_signal(signal.SIGCONT)
    expect(notice(page, "controller")).to_have_count(0)


def test_a_controller_that_was_shut_down(controller: Paths, page: Page) -> None:
    expect(notice(page, "controller")).to_have_count(0)
    end_controller(controller, services=True)
    shown = notice(page, "controller")
    expect(shown).to_contain_text("The controller was shut down")
    shown.get_by_role("button", name="Start it").click()
    expect(notice(page, "controller")).to_have_count(0)
    assert pid(controller)
