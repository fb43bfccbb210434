"""Clients of the inference protocol: Triton's own, and the specification's schemas."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import orjson
import tritonclient.http as triton
import yaml

from tests.serving.asgi import Served

INFER = "/v2/models/churn/infer"
#: NumPy's types of the datatypes, as tritonclient has them.
DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
_SCHEMA = Path(__file__).parent / "schemas" / "oip-rest.yaml"


@cache
def _components() -> Any:
    return yaml.safe_load(_SCHEMA.read_text())["components"]


def conforms(document: Any, schema: str) -> Any:
    """The document, once it is what the specification says."""
    specified = {"$ref": f"#/components/schemas/{schema}", "components": _components()}
    jsonschema.Draft4Validator(specified).validate(document)
    return document


def json_tensor(name: str, datatype: str, data: list[Any], *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape or (len(data),)), "data": data}


def infer(served: Served, *inputs: Any, **more: Any) -> httpx.Response:
    """Post JSON tensors; the request is what the specification says."""
    request = conforms({"inputs": list(inputs), **more}, "inference_request")
    answer = served.call("POST", INFER, request)
    known = "inference_response" if answer.status_code == 200 else "inference_error_response"
    if "inference-header-content-length" not in answer.headers:
        conforms(answer.json(), known)
    return answer


def tensor(
    name: str, values: Any, datatype: str, *, binary: bool = True, shape: Any = None
) -> triton.InferInput:
    """An input as tritonclient has it."""
    array = np.array(values, dtype=DTYPES[datatype])
    array = array if shape is None else array.reshape(shape)
    made = triton.InferInput(name, list(array.shape), datatype)
    return made.set_data_from_numpy(array, binary_data=binary)


def request(inputs: list[triton.InferInput], **more: Any) -> tuple[bytes, int | None]:
    """Body and header length of tritonclient's request."""
    body, length = triton.InferenceServerClient.generate_request_body(inputs, **more)
    return bytes(body), length


def ask(served: Served, body: bytes, length: int | None) -> httpx.Response:
    """Post a body with the header that says where its JSON ends."""
    headers = {} if length is None else {"inference_header_content_length": str(length)}
    answer = served.call("POST", INFER, body, **headers)
    if answer.status_code != 200:
        conforms(answer.json(), "inference_error_response")
    return answer


def triton_infer(
    served: Served, inputs: list[triton.InferInput], **more: Any
) -> triton.InferResult:
    """Infer as tritonclient does: without named outputs all of them are wanted as bytes."""
    answer = ask(served, *request(inputs, **more))
    assert answer.status_code == 200, answer.text
    return parsed(answer)


def parsed(answer: httpx.Response) -> triton.InferResult:
    """What tritonclient reads out of an answer, once that is what the specification says."""
    length = answer.headers.get("inference-header-content-length")
    kind = "application/json" if length is None else "application/octet-stream"
    assert answer.headers["content-type"] == kind
    document = orjson.loads(answer.content[: None if length is None else int(length)])
    for output in document["outputs"]:
        # the specification has no binary tensors: data is in their place
        size = output.get("parameters", {}).get("binary_data_size")
        assert ("data" in output) is (size is None)
        # null stands for what JSON, and so the specification, has no form for
        output["data"] = [value for value in output.get("data", []) if value is not None]
    conforms(document, "inference_response")
    return triton.InferenceServerClient.parse_response_body(
        answer.content, header_length=None if length is None else int(length)
    )


def outputs(**binary: bool) -> list[triton.InferRequestedOutput]:
    """Requested outputs, and whether as bytes."""
    return [triton.InferRequestedOutput(name, binary_data=b) for name, b in binary.items()]
