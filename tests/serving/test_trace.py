"""The caller's trace: what is read, what the model sees, what the log says."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.serving import trace
from tests.serving.asgi import Served
from tests.serving.packs import column, native, ridge_onnx, signature

ID, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{ID}-{PARENT}-01"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (VALID, VALID),
        (f"00-{ID}-{PARENT}-00", f"00-{ID}-{PARENT}-00"),
        # a version to come may have more, of which the known part is passed on as version 00
        (f"01-{ID}-{PARENT}-01-more", VALID),
        (f"cc-{ID}-{PARENT}-09", VALID),
        (f"01-{ID}-{PARENT}-01.more", None),
        (f"ff-{ID}-{PARENT}-01", None),
        (f"00-{ID}-{PARENT}-01-more", None),
        (f"00-{ID.upper()}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{ID}-{'0' * 16}-01", None),
        (f"00-{ID}-{PARENT}-0", None),
        (f"00-{ID}-{PARENT}-0g", None),
        (f"00-{ID[:-1]}-{PARENT}-01", None),
        (f" {VALID}", None),
        (f"{VALID}\n", None),
        ("", None),
    ],
)
def test_what_is_a_traceparent(given: str, taken: str | None) -> None:
    found = trace.read([given.encode()])
    assert (found and found.traceparent) == taken
    assert found is None or found.trace_id == ID


def test_two_traceparents_are_none() -> None:
    assert trace.read([VALID.encode()] * 2) is None
    assert trace.read([]) is None


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (["congo=t61rcWkgMzE"], "congo=t61rcWkgMzE"),
        (["congo=t61,rojo=00f0", " us@vendor=1"], "congo=t61,rojo=00f0,us@vendor=1"),
        (["a=1,,b=2"], "a=1,b=2"),
        (["1us@vendor=1"], "1us@vendor=1"),
        (["a=1,a=2"], ""),
        (["A=1"], ""),
        (["a"], ""),
        (["a=b=c"], ""),
        (["a=\xe9"], ""),
        ([",".join(f"k{n}=1" for n in range(33))], ""),
        ([",".join(f"k{n}=1" for n in range(32))], ",".join(f"k{n}=1" for n in range(32))),
    ],
)
def test_what_is_a_tracestate(given: list[str], taken: str) -> None:
    found = trace.read([VALID.encode()], [value.encode("latin-1") for value in given])
    assert found is not None
    assert found.tracestate == taken
    expected = {"traceparent": VALID} | ({"tracestate": taken} if taken else {})
    assert found.headers() == expected


def tracing(folder: Path) -> Served:
    """A native model that answers 1 when it sees the caller's trace; it raises on 0."""

    def model(array: Any) -> Any:
        from jupyter_deploy.serving import trace

        current = trace.current()
        seen = 0 if current is None else int(current.tracestate == "a=1")
        return [seen / value for value in array[:, 0].tolist()]

    sig = signature(column("x0"), layout="array")
    return Served(folder, (sig, native(model), [[1.0]]), "native")


def test_the_model_sees_it_in_its_thread(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    served = tracing(tmp_path)
    headers = {"traceparent": VALID, "tracestate": "a=1"}
    answer = served.predict([[1.0]], **headers)
    assert answer.json() == {"predictions": [1.0]}
    assert answer.headers["traceparent"] == VALID
    # nothing of it is left for the next one, and nothing is made up for it
    answer = served.predict([[1.0]])
    assert answer.json() == {"predictions": [0.0]}
    assert "traceparent" not in answer.headers
    logging.getLogger("bentoml").propagate = True
    assert served.predict([[0.0]], **headers).status_code == 500
    assert ID in caplog.text


def test_it_is_seen_on_the_event_loop_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served(tmp_path, ridge_onnx())
    assert served.runtime.inline
    seen = []
    engine = served.runtime.engine
    assert engine is not None
    run = engine.run

    def watched(batch: Any) -> Any:
        seen.append(trace.current())
        return run(batch)

    monkeypatch.setattr(engine, "run", watched)
    served.predict(served.rows[:1], traceparent=VALID)
    served.predict(served.rows[:1], traceparent="00-nonsense")
    assert seen == [trace.Trace(VALID), None]


def test_what_is_invalid_is_ignored(tmp_path: Path) -> None:
    served = Served(tmp_path, ridge_onnx())
    for value in ("00-nonsense", f"ff-{ID}-{PARENT}-01", VALID.upper()):
        answer = served.predict(served.rows[:1], traceparent=value, tracestate="a=1")
        assert (answer.status_code, answer.headers.get("traceparent")) == (200, None)
