"""The OpenAPI document of a service, with the real schema of its model's columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from ..inputs.cells import Field
from ..packed import Packed
from ..signature import Signature
from . import schemas
from .admission import Limits

Json = dict[str, Any]

_PROBLEMS = {
    "400": "The body can't be read, or is no request of this protocol",
    "404": "There is no such path",
    "413": "The body is too large",
    "415": "The content type or encoding is not supported",
    "422": "The input doesn't match the model's signature",
    "500": "The model raised an error; the log has it under the request's id",
    "503": "Too many requests at once, or the model is not loaded yet",
}
_INTEGER, _STRING = {"type": "integer"}, {"type": "string"}
_NULLABLE = {"type": ["string", "null"]}


def document(
    packed: Packed, fields: Sequence[Field], tensors: Sequence[Json], limits: Limits
) -> Json:
    """Return the OpenAPI 3.1 document.

    Parameters
    ----------
    fields
        The columns as the loaded engine takes them.
    tensors
        Inputs of the model's metadata in the Open Inference Protocol.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": packed.name,
            "version": packed.version,
            "description": f"Predictions of {packed.name}, by {packed.engine}. "
            f"A body has at most {limits.body:,} bytes.",
        },
        # where this document lies: a gateway may have put a name in front
        "servers": [{"url": "."}],
        # the gateway asks for a key; a Bento served without it asks for none
        "security": [{"key": []}, {"bearer": []}, {}],
        "paths": {
            **_predictions(packed),
            **_metadata(),
            **_inference(packed, tensors),
        },
        "components": {
            "schemas": _schemas(packed, fields),
            "responses": {code: _problem(code) for code in _PROBLEMS}
            | {f"oip-{code}": _problem(code, "Error", "application/json") for code in _PROBLEMS}
            | {f"mlflow-{code}": _problem(code, "MlflowProblem") for code in _PROBLEMS},
            "headers": {
                "request-id": {"description": "Yours, or a new one", "schema": _STRING},
                "model-version": {"description": "Version that answered", "schema": _STRING},
                "retry-after": {"description": "Seconds", "schema": _INTEGER},
            },
            "parameters": {
                "request-id": _header("x-request-id", "Repeated in the answer and in the log"),
                "traceparent": _header("traceparent", "W3C Trace Context; handed to the model"),
            },
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _schemas(packed: Packed, fields: Sequence[Field]) -> Json:
    signature = packed.signature
    inputs = schemas.Inputs(signature, fields)
    labels = packed.hooks is None
    record, row = _ref("Record"), _ref("Row")
    # of one tensor a record would look like columns
    one = [] if signature.layout == "tensors" else [record]
    table = {"anyOf": [inputs.many(record), *one, _ref("Columns"), inputs.many(row)]}
    cell = {
        "row": {"type": ["integer", "null"]},
        "column": _NULLABLE,
        "got": _STRING,
        "expected": _STRING,
    }
    problem = {
        "type": _STRING,
        "title": _STRING,
        "status": _INTEGER,
        "detail": _STRING,
        "code": _STRING,
        "errors": {"type": "array", "items": _object(cell)},
        "request_id": _STRING,
    }
    return {
        "Record": inputs.record(),
        "Row": inputs.row(),
        "Columns": inputs.columns(),
        "Table": table,
        "Answer": schemas.answer(signature, labels=labels),
        "Invocation": _invocation(signature, inputs),
        "InvocationAnswer": schemas.answer(signature, predictions_only=True, labels=labels),
        "Problem": _object(problem),
        "MlflowProblem": _object({**problem, "error_code": _STRING, "message": _STRING}),
        "Error": _object({"error": _STRING}),
    }


def _invocation(signature: Signature, inputs: schemas.Inputs) -> Json:
    """One of MLflow's four forms of a JSON body."""
    record, row = _ref("Record"), _ref("Row")
    rows = {"anyOf": [inputs.many(record), inputs.many(row)]}
    data = {"type": "array", "items": {"type": "array"}}
    labels = {"type": "array", "items": {"not": {"type": ["array", "object"]}}}
    columns = {"type": "array", "items": {"type": ["string", "integer"]}}
    split = {
        "type": "object",
        "properties": {"columns": columns, "data": data, "index": labels},
        "required": ["data"] if signature.layout == "array" else ["columns", "data"],
        "additionalProperties": False,
    }
    forms = {
        "dataframe_split": split,
        "dataframe_records": inputs.many(record),
        "instances": rows,
        "inputs": _ref("Table"),
    }
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    form: schema,
                    "params": {"type": ["object", "null"], "maxProperties": 0},
                },
                "required": [form],
                "additionalProperties": False,
            }
            for form, schema in forms.items()
        ]
    }


def _predictions(packed: Packed) -> Json:
    signature = packed.signature
    record = dict(schemas.example(signature, packed.warmup))
    names, row = list(record), list(record.values())
    predict = {
        "records": [record],
        "columns": {name: [value] for name, value in record.items()},
        "rows": [row],
    }
    if signature.layout != "tensors":
        predict["one record"] = record
    invocations = {
        "dataframe_split": {"dataframe_split": {"columns": names, "data": [row]}},
        "dataframe_records": {"dataframe_records": [record]},
        "instances": {"instances": [record]},
        "inputs": {"inputs": {name: [value] for name, value in record.items()}},
    }
    text = {} if any(c.shape for c in signature.inputs) else {"CSV": _csv(names, row)}
    return {
        "/predict": {
            "post": _post(
                "predict",
                "Predict a batch of rows",
                {"application/json": _media("Table", predict)},
                "Answer",
                "",
            )
        },
        "/invocations": {
            "post": _post(
                "invocations",
                "Predict as MLflow's scoring server does",
                {
                    "application/json": _media("Invocation", invocations),
                    "text/csv": {
                        "schema": _STRING,
                        "examples": {name: {"value": value} for name, value in text.items()},
                    },
                },
                "InvocationAnswer",
                "mlflow-",
            )
        },
    }


def _metadata() -> Json:
    health = _object({"status": {"const": "ok"}, "version": _STRING})
    pages = {
        "/": ("Name, version, engine and links", {"type": "object"}, "application/json"),
        "/docs": ("This service for people", _STRING, "text/html"),
        "/openapi.json": ("This service for tools", {"type": "object"}, "application/json"),
        "/docs.json": ("The same under BentoML's name", {"type": "object"}, "application/json"),
        "/healthz": ("Whether the model answers", health, "application/json"),
        "/ping": ("The same as MLflow has it", _STRING, "text/plain"),
        "/health": ("The same as MLflow has it", _STRING, "text/plain"),
        "/version": ("Version of the package that packed it", _STRING, "text/plain"),
        "/metrics": ("Prometheus metrics of all workers", _STRING, "text/plain"),
    }
    never = ("/", "/version", "/metrics")
    return {
        path: {"get": _get(path, summary, schema, kind, "" if path not in never else None)}
        for path, (summary, schema, kind) in pages.items()
    }


def _inference(packed: Packed, tensors: Sequence[Json]) -> Json:
    """The Open Inference Protocol; its own specification has the schemas in full."""
    at, loose = f"/v2/models/{packed.name}", {"type": "object"}
    parameters = {"type": ["object", "null"]}
    tensor = {
        "type": "object",
        "properties": {
            "name": _STRING,
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
            "datatype": _STRING,
            "parameters": parameters,
            "data": {"type": "array"},
        },
        "required": ["name", "shape", "datatype"],
    }
    request = {
        "type": "object",
        "properties": {
            "id": _NULLABLE,
            "parameters": parameters,
            "inputs": {"type": "array", "items": tensor, "minItems": 1},
            "outputs": {
                "type": ["array", "null"],
                "items": {"type": "object", "required": ["name"]},
            },
        },
        "required": ["inputs"],
    }
    live, ready = (_object({key: {"type": "boolean"}}) for key in ("live", "ready"))
    kind = "application/json"
    infer = _post("infer", "Predict by tensors", {kind: {"schema": request}}, None, "oip-")
    infer["requestBody"]["content"][kind]["examples"] = {
        "tensors": {"value": {"inputs": _example(packed, tensors)}}
    }
    infer["requestBody"]["content"]["application/octet-stream"] = {"schema": {}}
    infer["responses"]["200"]["content"] = {
        kind: {"schema": loose},
        "application/octet-stream": {"schema": {}},
    }
    paths = {
        "/v2": {"get": _get("server", "The server", loose, kind, None)},
        "/v2/health/live": {"get": _get("live", "Whether it runs", live, kind, None)},
        "/v2/health/ready": {"get": _get("ready", "Whether it is ready", ready, kind, None)},
        at: {"get": _get("model", "Inputs and outputs", loose, kind, "oip-")},
        f"{at}/ready": {"get": _get("model-ready", "Whether it is ready", ready, kind, None)},
        f"{at}/infer": {"post": infer},
    }
    for path in (at, f"{at}/ready", f"{at}/infer"):
        [(method, operation)] = paths[path].items()
        versioned = path.replace(at, f"{at}/versions/{packed.version}")
        name = f"{operation['operationId']}-of-version"
        paths[versioned] = {method: {**operation, "operationId": name}}
    return paths


def _example(packed: Packed, tensors: Sequence[Json]) -> list[Json]:
    """Input tensors of one row."""
    record = schemas.example(packed.signature, packed.warmup)
    return [
        {
            "name": tensor["name"],
            "datatype": tensor["datatype"],
            "shape": [1, *tensor["shape"][1:]],
            "data": [record[tensor["name"]]] if tensor["name"] in record else list(record.values()),
        }
        for tensor in tensors
    ]


def _post(name: str, summary: str, content: Json, answer: str | None, errors: str) -> Json:
    codes = [code for code in _PROBLEMS if code != "404" and not (errors and code == "422")]
    schema = _ref(answer) if answer else {}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [
            {"$ref": "#/components/parameters/request-id"},
            {"$ref": "#/components/parameters/traceparent"},
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": _ok("One answer a row, in order", {"application/json": {"schema": schema}}),
            **{code: {"$ref": f"#/components/responses/{errors}{code}"} for code in codes},
        },
    }


def _get(name: str, summary: str, schema: Json, kind: str, errors: str | None) -> Json:
    responses = {"200": _ok(summary, {kind: {"schema": schema}})}
    if errors is not None:
        responses["503"] = {"$ref": f"#/components/responses/{errors}503"}
    elif name.endswith("ready"):
        responses["503"] = _ok("It is not", {kind: {"schema": schema}})
    return {
        "operationId": name.strip("/").replace(".", "-") or "index",
        "summary": summary,
        "responses": responses,
    }


def _ok(text: str, content: Json) -> Json:
    headers = {
        "x-request-id": {"$ref": "#/components/headers/request-id"},
        "x-model-version": {"$ref": "#/components/headers/model-version"},
    }
    return {"description": text, "headers": headers, "content": content}


def _problem(code: str, schema: str = "Problem", kind: str = "application/problem+json") -> Json:
    response = _ok(_PROBLEMS[code], {kind: {"schema": _ref(schema)}})
    if code == "503":
        response["headers"]["retry-after"] = {"$ref": "#/components/headers/retry-after"}
    return response


def _media(schema: str, examples: Mapping[str, Any]) -> Json:
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"schema": _ref(schema), "examples": shown}


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _header(name: str, text: str) -> Json:
    return {"name": name, "in": "header", "description": text, "schema": _STRING}


def _csv(names: list[str], row: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, row])
    return text.getvalue()
