"""What must agree across files: the version, the README's commands, the top-level folders."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jupyter_deploy

ROOT = Path(__file__).parents[1]


def test_one_version_in_python_and_in_the_panel() -> None:
    package = json.loads((ROOT / "labextension" / "package.json").read_text())
    assert package["version"] == jupyter_deploy.__version__


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"## {jupyter_deploy.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("demo", "pip install . && jupyter model-deploy demo"),
        ("test", "pip install '.[test]' && python -m pytest"),
    ],
)
def test_ci_runs_what_the_readme_says(name: str, command: str) -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme_command.py", name],
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() == command
    assert f"readme_command.py {name}" in (ROOT / ".ci" / "run").read_text()


def test_links_between_the_documents_lead_somewhere() -> None:
    broken = []
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken, broken


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, jupyter_deploy\n"
        "heavy = {'bentoml', 'numpy', 'pandas', 'sklearn', 'onnx', 'pydantic', 'httpx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert printed.stdout.strip() == "[]"
