"""What a browser and other tools read of a service: its index, its OpenAPI document, its page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from html import escape
from typing import Any

import orjson

from ..oip import Protocol
from ..runtime import Runtime
from ..signature import Signature
from . import openapi, schemas
from .admission import Limits

#: Nothing is loaded from anywhere, so nothing needs to be allowed.
POLICY = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { margin-bottom: .25rem; } h3 b { font-weight: 600; opacity: .6; margin-right: .5em; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .75rem; border-radius: 6px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
.wide { overflow-x: auto; }
"""


class Pages:
    """Documents of one model; made when they are first asked for, once it is loaded."""

    def __init__(self, runtime: Runtime, limits: Limits) -> None:
        self._runtime = runtime
        self._limits = limits
        packed = runtime.packed
        # relative, since a gateway may have put a name in front
        self.index = orjson.dumps(
            {
                "name": packed.name,
                "version": packed.version,
                "engine": packed.engine,
                "links": {
                    "predict": "predict",
                    "invocations": "invocations",
                    "v2": f"v2/models/{packed.name}",
                    "docs": "docs",
                    "openapi": "openapi.json",
                    "healthz": "healthz",
                    "metrics": "metrics",
                },
            }
        )

    @cached_property
    def openapi(self) -> bytes:
        """Body of ``GET /openapi.json``."""
        return orjson.dumps(self._document)

    @cached_property
    def html(self) -> bytes:
        """Body of ``GET /docs``."""
        return page(self._document, self._runtime).encode()

    @cached_property
    def _document(self) -> dict[str, Any]:
        engine = self._runtime.engine
        fields = engine.fields if engine is not None else ()
        tensors = orjson.loads(Protocol(self._runtime).model_metadata())["inputs"]
        return openapi.document(self._runtime.packed, fields, tensors, self._limits)


def page(document: dict[str, Any], runtime: Runtime) -> str:
    """Render an OpenAPI document for people.

    Parameters
    ----------
    document
        Of :func:`.openapi.document`.
    runtime
        Of the same model.
    """
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    routes = "".join(
        _route(document, method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post")
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(info['description'])} "
        '<a href="openapi.json">OpenAPI document</a> · <a href="metrics">metrics</a></p>'
        f"<h2>Columns</h2>{_columns(runtime.packed.signature)}"
        f"<h2>Answers</h2>{_outputs(runtime.packed.signature)}"
        f"<h2>Routes</h2>{routes}</body></html>"
    )


def _columns(signature: Signature) -> str:
    rows = [
        (
            column.name,
            column.kind,
            column.dtype,
            "yes" if column.nullable else "",
            schemas.seen(column),
            _policies({**signature.policies, **column.policies}),
        )
        for column in signature.inputs
    ]
    return _table(("column", "type", "dtype", "null", "in the sample", "checks set"), rows)


def _outputs(signature: Signature) -> str:
    rows = []
    for output in signature.outputs:
        classes = output.classes
        if output.name == "probabilities":
            classes = signature.classes
        shape = ", ".join("rows" if n == -1 else str(n) for n in output.shape)
        rows.append((output.name, output.dtype, shape, ", ".join(map(str, classes or ()))))
    return _table(("name", "dtype", "shape", "classes"), rows)


def _policies(policies: Mapping[str, str]) -> str:
    return ", ".join(f"{check}={policy}" for check, policy in policies.items())


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    for name in part.get("$ref", "#").split("/")[1:]:
        document = document[name]
    return document if "$ref" in part else part


def _route(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f"<h3><b>{method.upper()}</b><code>{escape(path)}</code></h3>"
        f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}</p>"
    ]
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        for name, example in media.get("examples", {}).items():
            value = example["value"]
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            parts.append(f"<p>{escape(kind)}, {escape(name)}:</p><pre>{escape(_cut(shown))}</pre>")
    responses = [
        (code, _resolved(document, response)) for code, response in operation["responses"].items()
    ]
    codes = ", ".join(
        f"<code>{code}</code> {escape(response['description'])}" for code, response in responses
    )
    return "".join(parts) + f"<p>Answers: {codes}</p>"


def _cut(text: str) -> str:
    return text if len(text) <= 2000 else text[:2000] + " …"
