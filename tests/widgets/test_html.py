"""HTML that reads well anywhere: escaped, well formed, no script, every colour with a fallback."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from jupyter_deploy.client.deployment import Deployment
from jupyter_deploy.client.signature import VersionSignature
from jupyter_deploy.commands import results
from jupyter_deploy.config import Paths
from jupyter_deploy.serving.signature import Column, Output, Signature
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
SIGNATURE = Signature(
    layout="dataframe",
    task="classification",
    inputs=(
        Column("age", "int64", "integer", minimum=18, maximum=90),
        Column(EVIL, "object", "string", nullable=True, null_share=0.125, categories=(EVIL, "b")),
        Column("score", "float64", "number", minimum=-1.5, maximum=2e9, infinite=True),
        Column("when", "datetime64[ns]", "datetime", minimum="2025-01-01", maximum="2026-01-01"),
        Column("image", "uint8", "integer", shape=(28, -1), policies={"range": "reject"}),
    ),
    outputs=(
        Output("predictions", "object", (-1,)),
        Output("probabilities_0", "float32", (-1, 2), classes=(EVIL, True)),
    ),
    classes=(EVIL, "yes"),
    example={"age": 42, EVIL: EVIL},
    policies={"null": "pass"},
    max_rows=500,
)
SPEC = VersionSpec(
    name="churn",
    version="1.0.0",
    bento="churn:1.0.0",
    bento_home="/b",
    interpreter="/p",
    workers=2,
    engine=Engine.ONNX,
    engine_reason=EVIL,
    signature=SIGNATURE.to_json(),
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
        results.Shown(VersionSignature.of(SPEC)),
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


def test_a_version_says_what_is_not_as_usual() -> None:
    before = SPEC.model_copy(update={"version": "1.4.0"})
    columns = (*SIGNATURE.inputs[1:], Column("city", "object", "string"))
    after = SPEC.model_copy(
        update={
            "version": "2.0.0",
            "signature": replace(SIGNATURE, inputs=columns).to_json(),
            "provenance": SPEC.provenance.model_copy(
                update={
                    "hooks": {"preprocess": "clean", "postprocess": "words"},
                    "modules": ["features", "text"],
                    "lock": f"uv was not found {EVIL}",
                }
            ),
        }
    )
    detail = DeploymentDetail(
        deployment=INFO.model_copy(update={"version": "2.0.0"}),
        versions=[
            VersionInfo(spec=after, state=VersionState.LIVE),
            VersionInfo(spec=SPEC.model_copy(update={"version": "1.9.0"}), state="failed"),
            VersionInfo(spec=before, state=VersionState.STOPPED),
        ],
    )
    shown = [results.Deployed(Deployment("churn"), detail, None), results.Detail(detail)]
    for result in shown:
        bundle = render.bundle(result)
        _check(bundle["text/html"])
        for form in bundle.values():
            said = unescape(form)
            for words in (
                "since 1.4.0: column 'age' is gone; column 'city' is new (string)",
                "preprocess: clean, postprocess: words",
                "features, text",
                "none: uv was not found",
            ):
                assert words in said
    assert shown[0].to_json()["remarks"]["breaking"].startswith("since 1.4.0: ")
    # nothing of it where all is as usual
    usual = render.bundle(results.Deployed(Deployment("churn"), DETAIL, None))["text/plain"]
    assert not [label for label in ("breaking", "functions", "modules", "lock") if label in usual]


def test_a_signature_is_shown_in_order_with_what_was_seen() -> None:
    bundle = render.bundle(results.Shown(VersionSignature.of(SPEC)))
    text = bundle["text/plain"].replace(EVIL, "EVIL").splitlines()
    header = next(i for i, line in enumerate(text) if line.startswith("COLUMN"))
    assert text[header].split() == [
        "COLUMN",
        "DTYPE",
        "TAKES",
        "SHAPE",
        "SEEN",
        "NULLS",
        "POLICIES",
    ]
    rows = [line.split() for line in text[header + 1 : header + 6]]
    assert [row[0] for row in rows] == ["age", "EVIL", "score", "when", "image"]
    for row, said in zip(
        rows,
        (
            "int64 integer - 18 to 90 none",
            "12.5 %",
            "-1.5 to 2e+09, infinite none",
            "datetime - 2025-01-01 to 2026-01-01",
            "integer 28×any - none range=reject",
        ),
        strict=True,
    ):
        assert said in " ".join(row)
    for words in (
        "5 columns (sample: pandas DataFrame)",
        "classification",
        "null=pass",
        "500 rows a request",
        "(rows, 2)",
        "true",
        '"age": 42',
    ):
        assert words in bundle["text/plain"]
        assert words in unescape(bundle["text/html"])


def test_a_signature_has_no_column_that_says_nothing() -> None:
    plain = replace(SIGNATURE, inputs=SIGNATURE.inputs[:1], outputs=SIGNATURE.outputs[:1])
    spec = SPEC.model_copy(update={"signature": plain.to_json()})
    text = VersionSignature.of(spec).__repr__()
    assert "COLUMN  DTYPE  TAKES    SEEN      NULLS\n" in text
    assert "OUTPUT       DTYPE   SHAPE\n" in text
    assert "1 column (" in text


def test_a_wide_signature_is_folded_and_its_data_is_whole() -> None:
    wide = replace(
        SIGNATURE,
        inputs=tuple(Column(f"x{i}", "float64", "number") for i in range(1000)),
        classes=tuple(range(5000)),
        example={f"x{i}": 0.5 for i in range(1000)},
    )
    shown = results.Shown(
        VersionSignature.of(SPEC.model_copy(update={"signature": wide.to_json()}))
    )
    bundle = render.bundle(shown)
    text = bundle["text/plain"]
    assert len(text) < 6_000
    assert len(bundle["text/html"]) < 40_000
    _check(bundle["text/html"])
    assert "… 960 more …" in text
    assert "(5000 in all)" in text
    for name, there in (("x29", True), ("x30", False), ("x989", False), ("x990", True)):
        assert (f"\n{name} " in text) == there
    assert len(shown.to_json()["signature"]["inputs"]) == 1000


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
