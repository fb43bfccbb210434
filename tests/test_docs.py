"""What the reference pages must name: they fall behind the code silently otherwise."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from jupyter_deploy import exceptions
from jupyter_deploy.cli import FAILED, INTERRUPTED, OK, UNDECIDED, WRONG_USAGE
from jupyter_deploy.client.deployment import Deployment
from jupyter_deploy.commands.verbs import VERBS
from jupyter_deploy.config import RESERVED_NAMES, Paths
from jupyter_deploy.controller.app import create_app
from jupyter_deploy.controller.loop import Loop
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.worker_command import _KEPT
from jupyter_deploy.gateway.render.problems import local_replies
from jupyter_deploy.serving import oip, problems, runtime
from jupyter_deploy.serving.http import exchange, lane, mlflow
from jupyter_deploy.types import DeploymentState, Stage

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jupyter_deploy"
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text()


def section(text: str, heading: str) -> str:
    """Text under a heading that names `heading`, up to the next one of any level."""
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE):
        title, _, body = part.partition("\n")
        if heading in title.split(", "):
            return body
    raise AssertionError(f"no section {heading!r}")


def test_the_index_names_every_page() -> None:
    index = page("index.md")
    pages = {str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md")} - {"index.md"}
    assert [name for name in sorted(pages) if f"({name})" not in index] == []


@pytest.mark.parametrize("verb", VERBS.values(), ids=list(VERBS))
def test_the_commands_page_has_every_command_and_option(verb) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    verb.arguments(parser)
    text = section(page("reference/commands.md"), verb.name)
    options = [o for action in parser._actions for o in action.option_strings]
    if verb.shows:
        options.append("--json")
    missing = [o for o in options if not re.search(rf"(?<![\w-]){re.escape(o)}(?![\w-])", text)]
    assert missing == []


def test_the_commands_page_has_no_option_that_is_gone() -> None:
    known = {"--json", "--help", "--version"}
    for verb in VERBS.values():
        parser = argparse.ArgumentParser(add_help=False)
        verb.arguments(parser)
        known.update(o for action in parser._actions for o in action.option_strings)
    found = re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", page("reference/commands.md"))
    assert set(found) <= known


def test_the_commands_page_has_exit_codes_states_and_reserved_names() -> None:
    text = page("reference/commands.md")
    codes = [OK, FAILED, UNDECIDED, WRONG_USAGE, INTERRUPTED]
    assert [code for code in codes if f"\n| {code} |" not in text] == []
    words = [*DeploymentState, *RESERVED_NAMES]
    assert [word for word in words if f"`{word}`" not in text] == []


def test_every_variable_of_the_package_is_on_the_files_page() -> None:
    text = page("reference/files-and-environment.md")
    found = {
        name
        for file in PACKAGE.rglob("*.py")
        for name in re.findall(r"\bJUPYTER_DEPLOY_[A-Z_]*[A-Z]\b", file.read_text())
    }
    assert {"JUPYTER_DEPLOY_HOME", "JUPYTER_DEPLOY_RUNTIME"} <= found
    assert [name for name in sorted({*found, *_KEPT}) if f"`{name}" not in text] == []


def test_every_error_is_on_the_python_page() -> None:
    text = section(page("reference/python.md"), "Errors")
    errors = [exceptions.DeployError, *exceptions._BY_CODE.values()]
    rows = [f"| `{e.__name__}` | `{e.code}` | {e.status} |" for e in errors]
    assert [row for row in rows if row not in text] == []


def test_every_attribute_of_a_deployment_and_every_stage_is_on_the_python_page() -> None:
    text = page("reference/python.md")
    names = [n for n in vars(Deployment) if not n.startswith("_")]
    missing = [n for n in [*names, *Stage] if not re.search(rf"`{n}[`(]", text)]
    assert missing == []


def test_every_error_of_a_service_is_on_its_page() -> None:
    text = section(page("reference/service-http.md"), "Errors")
    found = {
        kind
        for module in (problems, exchange, lane, mlflow, runtime)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, problems.Problem)
    }
    rows = [f"| {kind.status} | `{kind.code}` |" for kind in found - {oip.TensorError}]
    assert [row for row in rows if row not in text] == []


def test_every_route_and_metric_of_a_service_is_on_its_page() -> None:
    text = page("reference/service-http.md")
    source = (PACKAGE / "serving" / "http" / "metrics.py").read_text()
    metrics = re.findall(r'= "((?:jupyter_deploy|bentoml)_\w+)"', source)
    assert len(metrics) >= 7
    assert [name for name in metrics if f"`{name}`" not in text] == []
    routes = re.findall(
        r'(?:get|post)\("(/[^"]+)"', (PACKAGE / "serving" / "http" / "endpoints.py").read_text()
    )
    assert {"/predict", "/healthz", "/metrics", "/v2"} <= set(routes)
    assert [route for route in routes if route not in text] == []


def test_what_the_gateway_refuses_is_on_the_page() -> None:
    text = section(page("reference/service-http.md"), "Errors")
    source = (PACKAGE / "gateway" / "render" / "routes.py").read_text()
    statuses = {int(status) for status in re.findall(r"^ +(4\d\d),$", source, re.MULTILINE)}
    by_flag = {
        mapper["body_format_override"]["json_format"]["title"]
        for mapper in local_replies()["mappers"]
        if "response_flag_filter" in mapper["filter"]
    }
    assert {401, 404, 415, 421} <= statuses
    assert by_flag == {"Service Unavailable", "Gateway Timeout"}
    statuses |= {400, 413, 503, 504}
    assert [status for status in sorted(statuses) if f"\n| {status} | " not in text] == []


def test_every_route_of_the_controller_is_on_its_page(paths: Paths) -> None:
    text = page("reference/controller-api.md")
    store = Store(paths.database)
    try:
        app = create_app(paths, Loop(paths, store), lambda services: None)
        routes = {
            f"{method.upper()} {path}"
            for path, methods in app.openapi()["paths"].items()
            for method in methods
        }
    finally:
        store.close()
    assert len(routes) >= 11
    routes.add(f"GET {app.openapi_url}")
    assert set(re.findall(r"\| `([A-Z]+ /v1/[^`]+)` \|", text)) == routes


def test_every_kind_of_event_is_on_the_controller_page() -> None:
    text = section(page("reference/controller-api.md"), "Events")
    kinds = {
        kind
        for file in (PACKAGE / "controller").glob("*.py")
        for kind in re.findall(r'(?:announce|\.event)\(\s*"([a-z]+\.[a-z]+)"', file.read_text())
    }
    assert len(kinds) >= 12
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in text] == []


def test_no_page_names_a_folder_of_the_machine_it_was_written_on() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    strays = [
        f"{p.relative_to(ROOT)}: {found}"
        for p in pages
        for found in re.findall(r"(?<![\w.~$])/(?:root|opt|work|home|Users)/\S*", p.read_text())
    ]
    assert strays == []
