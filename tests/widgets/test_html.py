"""HTML that reads well anywhere: escaped, well formed, no script, every colour with a fallback."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest

from jupyter_deploy.client.deployment import Deployment
from jupyter_deploy.commands import results
from jupyter_deploy.config import Paths
from jupyter_deploy.types import (
    ControllerInfo,
    DeploymentDetail,
    DeploymentInfo,
    DeploymentState,
    Engine,
    GatewayInfo,
    LogPage,
    Parity,
    ProcessInfo,
    Provenance,
    Stage,
    StageReport,
    StageState,
    VersionInfo,
    VersionSpec,
    VersionState,
)
from jupyter_deploy.widgets import progress, render

EVIL = "<script>alert('x')</script>&\""

PARITY = Parity(
    rows=100,
    compared="probabilities",
    max_abs_diff=2e-7,
    atol=1e-5,
    rtol=1e-3,
    rows_beyond=0,
    flipped=0,
    worst_row=3,
    passed=True,
)
INFO = DeploymentInfo(
    name="churn",
    state=DeploymentState.DEGRADED,
    version="1.0.0",
    engine=Engine.ONNX,
    endpoint="http://127.0.0.1:1/churn",
    workers=2,
    ready=1,
    restarts=0,
    created="2026-01-01T00:00:00Z",
    updated="2026-01-01T00:00:00Z",
    error=f"worker 1: {EVIL}",
)
STAGES = [
    StageReport(stage=Stage.INSPECT, state=StageState.DONE, seconds=0.25, detail=EVIL),
    StageReport(stage=Stage.CONVERT, state=StageState.RUNNING, seconds=1.5),
]
SPEC = VersionSpec(
    name="churn",
    version="1.0.0",
    bento="churn:1.0.0",
    bento_home="/b",
    interpreter="/p",
    workers=2,
    engine=Engine.ONNX,
    engine_reason=EVIL,
    signature={"example": {"a": EVIL}},
    parity=PARITY,
    provenance=Provenance(
        created="2026-01-01T00:00:00Z",
        user="u",
        python="3.11",
        platform="linux",
        packages={},
        model_type="Pipeline",
        model_sha256="0",
        sample_sha256="0",
        sample_rows=1,
        serialization="onnx",
        package_version="0",
    ),
    golden=[],
)
PROCESS = ProcessInfo(worker=0, pid=7, created=1.0, ready=True, restarts=0, socket="/s")
DETAIL = DeploymentDetail(
    deployment=INFO,
    versions=[VersionInfo(spec=SPEC, state=VersionState.LIVE, error=EVIL, processes=[PROCESS])],
)
CONTROLLER = ControllerInfo(
    version="0",
    api=1,
    pid=1,
    started="s",
    home=f"/{EVIL}",
    python="/p",
    gateway=GatewayInfo(url="http://127.0.0.1:1", key_header="/k", pid=2, running=True),
    head=0,
)


@pytest.fixture
def all_results(paths: Paths) -> list[results.Result]:
    card = results.Deployed(Deployment("churn"), DETAIL, "/a key/file", STAGES)
    return [
        card,
        results.Listing([INFO]),
        results.Listing([]),
        results.Overview(CONTROLLER, [INFO]),
        results.Overview(CONTROLLER, []),
        results.Detail(DETAIL),
        results.Changed(INFO),
    ]


class WellFormed(HTMLParser):
    """Fails on tags that don't nest, and on anything that would run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        assert tag not in ("script", "style", "iframe", "link", "img")
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _check(html: str) -> None:
    parser = WellFormed()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert "alert(" not in html or "&lt;script&gt;alert(" in html
    # outside JupyterLab its variables are not defined: each needs something to fall back on
    assert not re.findall(r"var\(--[\w-]+\)", html)


def test_every_result_is_sound_html_with_a_text_twin(all_results: list[results.Result]) -> None:
    for result in all_results:
        bundle = render.bundle(result)
        _check(bundle["text/html"])
        assert bundle["text/plain"].strip()
        assert "<" not in bundle["text/plain"].replace(EVIL, "").replace("<script>", "").replace(
            "</script>", ""
        )


def test_times_are_those_of_the_wall_clock_to_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    created = "2026-11-21T14:21:55.379+00:00"
    spec = SPEC.model_copy(
        update={"provenance": SPEC.provenance.model_copy(update={"created": created})}
    )
    detail = results.Detail(
        DETAIL.model_copy(update={"versions": [VersionInfo(spec=spec, state=VersionState.LIVE)]})
    )
    overview = results.Overview(CONTROLLER.model_copy(update={"started": created}), [])
    try:
        monkeypatch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        texts = [*render.bundle(detail).values(), overview.to_text()]
    finally:
        monkeypatch.undo()
        time.tzset()
    for text in texts:
        assert "2026-11-21 19:51:55" in text
        assert "14:21:55" not in text
    assert created in str(detail.to_json())
    assert created in str(overview.to_json())


def test_results_that_are_text_alone() -> None:
    page = LogPage(lines=["a"], position=1)
    for result in (results.Removed("churn"), results.LogLines(page), results.Said("x")):
        assert set(render.bundle(result)) == {"text/plain"}


def test_the_card_says_what_matters(all_results: list[results.Result]) -> None:
    card = render.bundle(all_results[0])
    for form in card.values():
        for word in ("churn", "1.0.0", "onnxruntime", "100 rows", "no label differs", "1.8 s"):
            assert word in form
    assert "'@/a key/file'" in card["text/plain"]


def test_progress_shows_every_stage_not_by_colour_alone() -> None:
    html = progress.html(f"Deploying {EVIL}", STAGES)
    _check(html)
    for stage in Stage:
        assert f">{stage.value}<" in html
    for word in ("inspect: done", "convert: running", "route: waiting", "0.2 s", "✓", "…"):
        assert word in html
    text = progress.text("Deploying", STAGES)
    assert "✓ inspect" in text
    assert "route" not in text


@pytest.mark.parametrize(
    ("parity", "said"),
    [
        (None, "not compared"),
        (PARITY, "100 rows compared with the original: no label differs"),
        (
            PARITY.model_copy(update={"flipped": 1, "rows_beyond": 2, "passed": False}),
            "1 label differs; probabilities at most 2e-07 apart, 2 rows beyond tolerance",
        ),
        (PARITY.model_copy(update={"flipped": 2}), "2 labels differ; "),
        (PARITY.model_copy(update={"compared": "predictions"}), "equal within tolerance"),
    ],
)
def test_parity_in_plain_words(parity: Parity | None, said: str) -> None:
    from jupyter_deploy.commands.texts import parity as words

    assert said in words(parity)
