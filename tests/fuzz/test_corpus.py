"""Every body ever found worth keeping, through the harness it belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.harnesses import HARNESSES

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(CORPUS)))
def test_replay(file: Path) -> None:
    HARNESSES[file.parent.name](file.read_bytes())


def test_every_harness_has_a_corpus() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(HARNESSES)
