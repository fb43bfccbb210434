"""Every datatype, in and out, as JSON and as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serving.asgi import Served
from tests.serving.oip_client import DTYPES, INFER, outputs, tensor, triton_infer
from tests.serving.packs import column, native, signature

#: Values at the ends of what a datatype holds.
VALUES: dict[str, list[Any]] = {
    "BOOL": [True, False, True],
    **{
        name: [int(np.iinfo(dtype).min), 0, int(np.iinfo(dtype).max)]
        for name, dtype in DTYPES.items()
        if "INT" in name
    },
    **{
        name: [float(np.finfo(dtype).min), 1.5, float(np.finfo(dtype).max)]
        for name, dtype in DTYPES.items()
        if name.startswith("FP")
    },
    "BYTES": ["", "a:b", "Zürich 🗻\0"],
}
#: Of two values the JSON is read value by value, of long ones as an array.
REPEATS = (1, 100)


def echo(tmp_path: Path, datatype: str) -> Served:
    """A model that answers its one column as it is."""
    dtype = np.dtype(DTYPES[datatype])
    name = "object" if datatype == "BYTES" else dtype.name
    kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "O": "string"}
    sig = signature(column("x", name, kind=kinds[dtype.kind]))
    model = native(lambda frame: frame["x"].to_numpy())
    return Served(tmp_path, (sig, model, [{"x": VALUES[datatype][1]}]), "native")


@pytest.mark.parametrize("repeats", REPEATS)
@pytest.mark.parametrize("datatype", VALUES)
def test_round_trip(tmp_path: Path, datatype: str, repeats: int) -> None:
    served = echo(tmp_path, datatype)
    document = served.call("GET", "/v2/models/churn").json()
    assert document["inputs"] == [{"name": "x", "datatype": datatype, "shape": [-1]}]
    assert document["outputs"] == [{"name": "predictions", "datatype": datatype, "shape": [-1]}]
    values = VALUES[datatype] * repeats
    for binary_in in (True, False):
        for binary_out in (True, False):
            result = triton_infer(
                served,
                [tensor("x", values, datatype, binary=binary_in)],
                outputs=outputs(predictions=binary_out),
            )
            found = result.as_numpy("predictions")
            assert found.dtype == DTYPES[datatype]
            text = datatype == "BYTES" and binary_out
            assert ([v.decode() for v in found] if text else found.tolist()) == values


@pytest.mark.parametrize("repeats", REPEATS)
@pytest.mark.parametrize("datatype", [name for name in VALUES if name not in ("BOOL", "BYTES")])
def test_a_column_of_numbers_takes_every_number(
    tmp_path: Path, datatype: str, repeats: int
) -> None:
    served = echo(tmp_path, "FP64")
    values = [1, 2, 100] * repeats
    for binary in (True, False):
        result = triton_infer(served, [tensor("x", values, datatype, binary=binary)])
        assert result.as_numpy("predictions").tolist() == values


@pytest.mark.parametrize("repeats", REPEATS)
@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("INT8", [128]),
        ("UINT8", [-1]),
        ("UINT16", [65536]),
        ("INT32", [-(2**31) - 1]),
        ("INT64", [2**63]),
        ("UINT64", [-1]),
        ("FP16", [65520.0]),
        ("FP32", [1e39]),
    ],
)
def test_json_beyond_the_datatype(
    tmp_path: Path, datatype: str, values: list[Any], repeats: int
) -> None:
    served = echo(tmp_path, "FP64")
    values = [*values, *[0] * (2 * repeats)]
    inputs = [{"name": "x", "datatype": datatype, "shape": [len(values)], "data": values}]
    answer = served.call("POST", INFER, {"inputs": inputs})
    assert answer.status_code == 400
    assert answer.json()["error"] == f"input 'x' has values that no {datatype} can hold"


@pytest.mark.parametrize("repeats", REPEATS)
@pytest.mark.parametrize(
    ("taken", "sent", "said"),
    [
        ("INT64", "BOOL", "got true, expected an integer"),
        ("INT64", "BYTES", "expected an integer"),
        ("INT8", "INT64", "expected an integer from -128 to 127"),
        ("FP64", "BOOL", "got true, expected a number"),
        ("FP32", "FP64", "expected a number from -3.40282e+38"),
        ("BOOL", "UINT8", "expected true or false"),
        ("BYTES", "INT64", "expected a string"),
    ],
)
def test_a_datatype_that_is_not_the_columns(
    tmp_path: Path, taken: str, sent: str, said: str, repeats: int
) -> None:
    served = echo(tmp_path, taken)
    values = VALUES[sent][:1] * repeats
    for binary in (True, False):
        made = tensor("x", values, sent, binary=binary)
        with pytest.raises(AssertionError) as refused:
            triton_infer(served, [made])
        assert said in str(refused.value)


def test_whole_numbers_are_integers(tmp_path: Path) -> None:
    served = echo(tmp_path, "INT64")
    for binary in (True, False):
        result = triton_infer(served, [tensor("x", [3.0, -4.0], "FP32", binary=binary)])
        assert result.as_numpy("predictions").tolist() == [3, -4]


def test_bfloat16_is_widened(tmp_path: Path) -> None:
    served = echo(tmp_path, "FP64")
    made = tensor("x", [0x3FC0, 0xC000], "UINT16")  # 1.5 and -2, as BF16 has them
    made._datatype = "BF16"
    result = triton_infer(served, [made])
    assert result.as_numpy("predictions").tolist() == [1.5, -2.0]


def test_dates_travel_as_text(tmp_path: Path) -> None:
    sig = signature(column("at", "datetime64[ns]", kind="datetime"))
    model = native(lambda frame: (frame["at"] + np.timedelta64(1, "D")).to_numpy())
    served = Served(tmp_path, (sig, model, [{"at": "2024-02-28T00:00:00"}]), "native")
    document = served.call("GET", "/v2/models/churn").json()
    assert {t["datatype"] for t in (*document["inputs"], *document["outputs"])} == {"BYTES"}
    for binary in (True, False):
        values = ["2024-02-28", "2025-02-28T12:30:00"]
        result = triton_infer(served, [tensor("at", values, "BYTES", binary=binary)])
        found = [text.decode() for text in result.as_numpy("predictions")]
        assert [text[:19] for text in found] == ["2024-02-29T00:00:00", "2025-03-01T12:30:00"]


@pytest.mark.parametrize(
    ("answers", "datatype", "text"),
    [
        (np.array(["a", "bc"]), "BYTES", ["a", "bc"]),
        (np.array(["a", None, np.nan], dtype=object), "BYTES", ["a", None, None]),
        (np.array(["a", 1, 2.5, True], dtype=object), "BYTES", ["a", "1", "2.5", "True"]),
        (np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"), "BYTES", ["2024-01-01", None]),
        (np.array([1, 2], dtype=">i4"), "INT32", [1, 2]),
        (np.array([[1, 2], [3, 4]], order="F"), "INT64", [1, 2, 3, 4]),
    ],
)
def test_outputs_of_other_types(
    tmp_path: Path, answers: Any, datatype: str, text: list[Any]
) -> None:
    sig = signature(column("x"), layout="array")
    served = Served(tmp_path, (sig, native(lambda x: answers[: len(x)]), [[1.0]]), "native")
    inputs = [tensor("input", [[i] for i in range(len(answers))], "FP64")]
    result = triton_infer(served, inputs, outputs=outputs(predictions=False))
    output = result.get_output("predictions")
    assert (output["datatype"], output["shape"]) == (datatype, list(answers.shape))
    assert output["data"] == text
    found = triton_infer(served, inputs).as_numpy("predictions")
    assert found.shape == answers.shape
    flat = [v.decode() if isinstance(v, bytes) else v for v in found.reshape(-1).tolist()]
    assert flat == ["" if v is None else v for v in text]
