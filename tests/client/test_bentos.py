"""What is left of a Bento that was given up, as BentoML in a terminal sees it."""

from __future__ import annotations

import json
import subprocess
import sys

from jupyter_deploy.client import bentos
from jupyter_deploy.config import Paths
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.types import VersionSpec
from tests import models


def _packed(version: str) -> VersionSpec:
    model, sample = models.ridge()
    inspected = inspect_model(model, sample)
    return build(convert(inspected, engine="native"), name="churn", version=version)


def _listed() -> list[str]:
    code = (
        "import bentoml, json\n"
        "tags = [str(b.tag) for b in bentoml.bentos.list()]\n"
        "latest = str(bentoml.bentos.get('churn').tag) if tags else None\n"
        "print(json.dumps([sorted(tags), latest]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tags, latest = json.loads(done.stdout.splitlines()[-1])
    return [*tags, f"latest: {latest}"]


def test_a_discarded_bento_is_gone_and_the_others_are_whole(paths: Paths) -> None:
    first, second = _packed("1.0.0"), _packed("1.1.0")
    assert _listed() == ["churn:1.0.0", "churn:1.1.0", "latest: churn:1.1.0"]
    bentos.discard(second)
    assert _listed() == ["churn:1.0.0", "latest: churn:1.0.0"]
    assert bentos.listed("churn") == ["1.0.0"]
    bentos.discard(second)
    bentos.discard(first)
    assert _listed() == ["latest: None"]
    assert bentos.listed("churn") == []
    store = paths.home.parent / "bento"
    assert [*store.glob("bentos/*"), *store.glob("tmp/jupyter-deploy-*")] == []
