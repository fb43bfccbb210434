"""The panel before anything was deployed."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jupyter_deploy.client.launch import ensure_controller
from tests.ui.conftest import Lab


def test_the_empty_panel_shows_how_to_deploy(page: Page, lab: Lab) -> None:
    panel = page.locator("#jupyter-deploy-panel")
    expect(panel).to_contain_text("No model is deployed yet.")
    panel.get_by_role("button", name="Copy these two lines").click()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0] == "%load_ext jupyter_deploy"
    assert lines[1].startswith("%deploy ")
    assert not lab.paths.controller_lock.exists()  # nothing was started for nothing

    # neither a controller without deployments nor its end is a reason to alarm anybody
    ensure_controller(lab.paths).close()
    expect(panel).to_contain_text("No model is deployed yet.")
    expect(panel.locator("[data-trouble]")).to_have_count(0)


def test_the_server_ends_without_a_complaint(lab: Lab) -> None:
    lab.stop()
    _, _, end = lab.log.partition("received signal 15")
    assert end
    complaints = ("Traceback", "jupyter_deploy", "never retrieved", "was destroyed", "unclosed")
    for complaint in complaints:
        assert complaint not in end, end
