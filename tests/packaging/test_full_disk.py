"""A disk that is full: a real one, small, mounted by a packer in a namespace of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from jupyter_deploy.config import Paths
from tests.packaging.test_store import listed

#: Mounts a tmpfs as the store's disk and packs with some pages left on it: for each step of packing
#: the most and the fewest that end there. Tells what happened each time and what was left.
PACKER = """
import json, os, shutil, subprocess, sys
from contextlib import contextmanager
from pathlib import Path
import numpy
from jupyter_deploy.exceptions import PackagingError
from jupyter_deploy.packaging import build, convert, inspect_model, store

disk, project, copy = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=True)
home, filler = Path(disk, "store"), Path(disk, "filler")
os.environ["BENTOML_HOME"] = str(home)
sys.path.insert(0, project)
import shop

sample = numpy.ones((3, 2))
weights = numpy.random.default_rng(0).random(60_000)
converted = convert(inspect_model(shop.Model(weights), sample, preprocess=lambda rows: rows * 2))

def reached(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())

seen = None
staging = store._staging

@contextmanager
def watched(tmp):
    global seen
    with staging(tmp) as folder:
        try:
            yield folder
        finally:
            seen = reached(folder)

store._staging = watched

def found():
    return sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file())

PAGE = os.sysconf("SC_PAGE_SIZE")
STEPS = {
    "latest": "latest",
    "bento/src/model/provenance.json": "provenance",
    "bento/README.md": "description",
    "bento/src/model/hooks.pkl": "hooks",
    "bento/src/model/model.pkl": "model",
    "bento/src/user_modules/shop.py": "modules",
    "bento/src/model_runtime/__init__.py": "source",
}
results = {}

def attempt(pages):
    "The step that the disk was full at, by the files that were there; None when it was enough."
    global seen
    if pages in results:
        return results[pages]["step"]
    with filler.open("wb") as file:
        file.write(bytes(shutil.disk_usage(disk).free - pages * PAGE))
    told = seen = step = None
    try:
        build(converted, name="m", version="1.0.0")
        shutil.rmtree(home / "bentos" / "m")
    except PackagingError as error:
        told = [error.message, error.hint, error.detail]
        step = next((s for file, s in STEPS.items() if file in (seen or ())), "start")
    filler.unlink()
    results[pages] = {"step": step, "told": told, "left": found()}
    return step

def search(few, many):
    if attempt(few) != attempt(many) and many - few > 1:
        middle = (few + many) // 2
        search(few, middle)
        search(middle, many)

search(0, 1024)
build(converted, name="m", version="1.0.0")
results = [results[pages] for pages in sorted(results)]
shutil.copytree(home, copy)
print(json.dumps([results, found()]))
"""

SHOP = """
class Model:
    def __init__(self, weights):
        self.weights = weights
    def predict(self, rows):
        return rows[:, 0] * self.weights[0]
"""


def in_a_namespace(*command: str) -> list[str]:
    """Run where mounts are of no one else's concern; root or not."""
    return ["unshare", "--user", "--map-root-user", "--mount", *command]


def test_each_step_that_writes_meets_a_full_disk(paths: Paths, tmp_path: Path) -> None:
    disk, project = tmp_path / "disk", tmp_path / "project"
    disk.mkdir()
    project.mkdir()
    (project / "shop.py").write_text(SHOP)
    packer = (sys.executable, "-c", PACKER, str(disk), str(project), str(tmp_path / "copy"))
    done = subprocess.run(
        in_a_namespace(*packer),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results, complete = json.loads(done.stdout.splitlines()[-1])
    for result in results:
        # nothing but the store's lock, which is empty
        assert set(result["left"]) <= {"tmp/.jupyter-deploy.lock"}
        if result["step"] is None:
            continue
        message, hint, facts = result["told"]
        assert message.startswith(f"The Bento needs about 1.5 MB in {disk}/store, which has ")
        assert message.endswith(" MB left for you: No space left on device.")
        assert "bentoml delete" in hint
        assert "BENTOML_HOME" in hint
        assert facts["needed"] > 1_400_000
    assert list(dict.fromkeys(result["step"] for result in results)) == [
        "start",
        "source",
        "modules",
        "model",
        "hooks",
        "description",
        "provenance",
        "latest",
        None,
    ]
    # with space again the same deploy works, and bentoml lists it
    assert "bentos/m/1.0.0/bento.yaml" in complete
    assert listed(tmp_path / "copy") == ["m:1.0.0"]
