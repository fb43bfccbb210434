"""Results as plain text: what a pipe, a terminal and a notebook without HTML show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_deploy.client.alignment import table
from jupyter_deploy.client.deployment import live_version
from jupyter_deploy.commands.nouns import PROGRAM, Face
from jupyter_deploy.commands.remarks import remarks

if TYPE_CHECKING:
    from jupyter_deploy.commands.results import Deployed, Overview
    from jupyter_deploy.types import DeploymentDetail, DeploymentInfo, Parity, StageReport

_EMPTY = (
    "No deployments yet. Deploy one with: %deploy MODEL --name NAME --sample SAMPLE "
    "(in a notebook, after %load_ext jupyter_deploy)"
)
#: Predictions shown one a line; more are counted.
_ROWS = 1000


def listing(deployments: Sequence[DeploymentInfo]) -> str:
    """Return all deployments, one a line."""
    if not deployments:
        return _EMPTY
    rows = [cells(info) for info in deployments]
    text = table(("NAME", "VERSION", "STATE", "READY", "ENGINE", "ENDPOINT"), rows)
    errors = [f"{info.name}: {info.error}" for info in deployments if info.error]
    return "\n".join([text, *(["", *errors] if errors else [])])


def cells(info: DeploymentInfo) -> tuple[str, ...]:
    """Return what a table shows of a deployment."""
    return (
        info.name,
        info.version or "-",
        info.state.value,
        f"{info.ready}/{info.workers}",
        info.engine.value if info.engine else "-",
        info.endpoint,
    )


def local_time(when: str) -> str:
    """Return an ISO 8601 time as a clock on the wall shows it, to the second."""
    try:
        return datetime.fromisoformat(when).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return when


def line(info: DeploymentInfo) -> str:
    """Return one deployment in one line."""
    version = f" {info.version}" if info.version else ""
    error = f": {info.error}" if info.error else ""
    return f"{info.name}{version} is {info.state.value}{error}"


def overview(result: Overview) -> str:
    """Return the state of the installation."""
    controller, gateway = result.controller, result.controller.gateway
    since = local_time(controller.started)
    key = f", key in {gateway.key_header}" if gateway.key_header else ", open: no key is asked for"
    serving = f"{gateway.url} (pid {gateway.pid}){key}" if gateway.running else "not running"
    return "\n".join(
        [
            f"controller  {controller.version} (pid {controller.pid}), since {since}",
            f"gateway     {serving}",
            f"state       {controller.home}",
            "",
            listing(result.deployments),
        ]
    )


def detail(found: DeploymentDetail) -> str:
    """Return one deployment with versions and processes."""
    info = found.deployment
    parts = [line(info), f"endpoint  {info.endpoint}/predict"]
    rows = [
        (
            v.spec.version,
            v.state.value,
            v.spec.engine.value,
            f"{sum(p.ready for p in v.processes)}/{v.spec.workers}",
            ", ".join(str(p.pid) for p in v.processes if p.pid) or "-",
            local_time(v.spec.provenance.created),
        )
        for v in found.versions
    ]
    if found.versions:
        live = live_version(found)
        parts.append(f"engine    {live.spec.engine.value}: {live.spec.engine_reason}")
        parts += [f"{label:<9} {text}" for label, text in remarks(found, live)]
    if rows:
        header = ("VERSION", "STATE", "ENGINE", "READY", "PIDS", "PACKED")
        parts += ["", table(header, rows)]
    errors = [
        f"{v.spec.version}: {v.error}" for v in found.versions if v.error and v.error != info.error
    ]
    return "\n".join(parts + (["", *errors] if errors else []))


def parity(found: Parity | None) -> str:
    """Return in plain words how the packed model compares with the original."""
    if found is None:
        return "not compared: the model runs as it is"
    rows = f"{found.rows} row{'s' * (found.rows != 1)} compared with the original"
    if found.flipped:
        labels = "1 label differs" if found.flipped == 1 else f"{found.flipped} labels differ"
    elif found.compared == "predictions":
        labels = "equal within tolerance" if found.passed else "beyond tolerance"
    else:
        labels = "no label differs"
    worst = f"{found.compared} at most {found.max_abs_diff:.2g} apart"
    beyond = f", {found.rows_beyond} rows beyond tolerance" if found.rows_beyond else ""
    return f"{rows}: {labels}; {worst}{beyond}"


def stage(report: StageReport) -> str:
    """Return one stage in one line."""
    mark = {"done": "✓", "failed": "✗", "running": "…"}[report.state.value]
    detail = f"  {report.detail}" if report.detail else ""
    return f"{mark} {report.stage.value:<8} {report.seconds:6.2f} s{detail}"


def card(result: Deployed) -> str:
    """Return what a deploy ends in."""
    info, spec = result.info, result.spec
    seconds = sum(report.seconds for report in result.stages)
    times = ", ".join(f"{r.stage.value} {r.seconds:.1f}" for r in result.stages)
    return "\n".join(
        [
            f"{info.name} {info.version or spec.version} is {info.state.value}",
            f"  endpoint  {info.endpoint}/predict",
            f"  engine    {spec.engine.value}: {spec.engine_reason}",
            f"  parity    {parity(spec.parity)}",
            *(f"  {label:<9} {text}" for label, text in result.remarks),
            *([f"  time      {seconds:.1f} s ({times})"] if times else []),
            "",
            "Ask it from a shell:",
            f"  {result.curl}",
            "from Python:",
            *(f"  {row}" for row in result.python.splitlines()),
            f"Next: {next_steps(info.name, result.face)}",
        ]
    )


def next_steps(name: str, face: Face) -> str:
    """Return what can be run next, as it is written in a cell or in a shell."""
    rows = {"magic": "X_test[:3]", "shell": "X_test.csv"}[face]
    steps = (f"predict {name} {rows}", f"logs {name}", f"stop {name}")
    return " · ".join(f"{PROGRAM[face]} {step}" for step in steps)


def predictions(answer: Mapping[str, Any], proba: bool) -> str:
    """Return an answer, one row a line."""
    if proba:
        classes = [str(c) for c in answer.get("classes") or []]
        found = [[f"{p:.4f}" for p in row] for row in answer["probabilities"]]
        rows = found[:_ROWS]
        text = table(classes or [str(i) for i in range(len(rows[0]))], rows) if rows else ""
    else:
        found = answer["predictions"]
        text = "\n".join(str(value) for value in found[:_ROWS])
    rest = len(found) - _ROWS
    return f"{text}\n… and {rest} more" if rest > 0 else text
