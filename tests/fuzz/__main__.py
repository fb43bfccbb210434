"""Fuzz one harness: ``python -m tests.fuzz HARNESS [libFuzzer's options]``.

New inputs that reach further are kept in a folder that is thrown away; findings are written to the
working directory as ``finding-…``, from where they go into the corpus.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["jupyter_deploy"]):
    from tests.fuzz.harnesses import HARNESSES

from tests.fuzz.mutate import mutated

CORPUS = Path(__file__).parent / "corpus"


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    rng = random.Random(seed)  # noqa: S311
    found = mutated(data, rng) if rng.random() < 0.7 else None
    changed: bytes = found if found is not None else atheris.Mutate(data, max_size)
    return changed[:max_size]


def main() -> None:
    name, *options = sys.argv[1:]
    harness = HARNESSES[name]
    # everything lazy is imported and loaded before the clock runs
    for file in sorted((CORPUS / name).iterdir()):
        harness(file.read_bytes())
    with tempfile.TemporaryDirectory() as grown:
        arguments = [sys.argv[0], "-artifact_prefix=finding-", *options, grown, str(CORPUS / name)]
        atheris.Setup(arguments, harness, custom_mutator=_mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
