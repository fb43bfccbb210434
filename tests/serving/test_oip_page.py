"""What the reference page must name: it falls behind the code silently otherwise."""

from __future__ import annotations

import re
from pathlib import Path

from jupyter_deploy.gateway.plan import BODY_MAX
from jupyter_deploy.serving.oip import EXTENSIONS, tensors
from jupyter_deploy.serving.oip.datatypes import BF16, BYTES, WIRE

PACKAGE = Path(tensors.__file__).parent
PAGE = (PACKAGE.parents[2] / "docs" / "reference" / "inference-protocol.md").read_text()


def test_every_datatype_parameter_and_extension() -> None:
    code = "".join(file.read_text() for file in PACKAGE.glob("*.py"))
    known = re.findall(r'"(binary_data\w*|classification|shared_memory_region)"', code)
    assert {"binary_data", "binary_data_size", "binary_data_output"} < set(known)
    assert [name for name in known if f"| `{name}` |" not in PAGE] == []
    assert [name for name in (*WIRE, BYTES, BF16) if name not in PAGE] == []
    assert [name for name in EXTENSIONS if name not in PAGE] == []


def test_limits() -> None:
    assert f"- {BODY_MAX >> 20} MiB a body" in PAGE
    assert f"- {tensors._DIMENSIONS} dimensions a tensor" in PAGE
