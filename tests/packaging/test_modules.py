from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.packaging.contents import copying
from jupyter_deploy.packaging.contents.content import notes_of
from jupyter_deploy.packaging.contents.copying import files_of, left_out
from jupyter_deploy.packaging.contents.modules import Imports, trace
from jupyter_deploy.packaging.contents.origins import Origin, distributions_of, origin_of, refresh
from jupyter_deploy.types import VersionSpec

Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """A folder of the user's on the path; give it files by name, with their text."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    before = set(sys.modules)

    def write(files: dict[str, str] | None = None, **more: str) -> Path:
        for name, text in {**(files or {}), **{f"{k}.py": v for k, v in more.items()}}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        importlib.invalidate_caches()
        return root

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or root).startswith(str(tmp_path)):
            del sys.modules[name]


def tops(found: Imports) -> set[str]:
    return {name.partition(".")[0] for name in found.installed}


def copied(found: Imports) -> set[str]:
    return set(files_of(found.own))


def test_a_module_is_copied_and_what_it_imports_is_followed(project: Write) -> None:
    project(
        shop_rates="import shop_tax, json, numpy\ndef rate():\n    import polars\n",
        shop_tax="from sklearn.base import BaseEstimator\n",
        shop_other="import pandas",
    )
    found = trace(["shop_rates"])
    assert copied(found) == {"shop_rates.py", "shop_tax.py"}
    assert tops(found) == {"numpy", "polars", "sklearn"}


def test_a_package_is_copied_whole_but_only_what_is_imported_is_required(project: Write) -> None:
    project(
        {
            "shop/__init__.py": "from .models import Model",
            "shop/models/__init__.py": "from .linear import Model",
            "shop/models/linear.py": "from ..rates import rate\nfrom .. import names\nModel = 1",
            "shop/rates.py": "import orjson\ndef rate(): pass",
            "shop/names.py": "import importlib\nimportlib.import_module('polars')",
            "shop/plots.py": "import lightgbm",
            "shop/data/rates.json": "{}",
            "shop/words.txt": "a",
            "shop/__pycache__/x.pyc": "",
            "shop/.env": "SECRET=1",
            "shop/.git/config": "",
            "shop/notes.ipynb": "{}",
            "shop/venv/pyvenv.cfg": "",
            "shop/venv/lib/big.py": "",
        }
    )
    found = trace(["shop.models.linear"])
    assert copied(found) == {
        f"shop/{name}"
        for name in (
            "__init__.py",
            "models/__init__.py",
            "models/linear.py",
            "rates.py",
            "names.py",
            "plots.py",
            "data/rates.json",
            "words.txt",
        )
    }
    assert tops(found) == {"orjson", "polars"}


def test_imports_that_never_run_or_may_be_missing_are_not_required(project: Write) -> None:
    project(
        shop_hints="from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import lightgbm\nelse:\n    import orjson\n"
        "try:\n    import no_such_thing\nexcept ImportError:\n    pass\n"
    )
    assert tops(trace(["shop_hints"])) == {"orjson"}


def test_a_namespace_package_and_its_installed_half(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "lib" / "site-packages"
    distribution(site, "shopkit-cloud", {"shopkit/cloud.py": "X = 1"})
    monkeypatch.syspath_prepend(str(site))
    project(
        {
            "shopkit/own.py": "import shopkit.cloud\nfrom shopkit.deep import more",
            "shopkit/deep/more.py": "",
        }
    )
    found = trace(["shopkit.own"])
    assert copied(found) == {"shopkit/own.py", "shopkit/deep/more.py"}
    assert found.installed == {"shopkit.cloud"}
    assert distributions_of("shopkit.cloud") == ("shopkit-cloud",)


def distribution(site: Path, name: str, files: dict[str, str], url: str = "") -> None:
    """Install a distribution by hand."""
    info = site / f"{name.replace('-', '_')}-1.5.dist-info"
    info.mkdir(parents=True)
    for file, text in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    listed = [*files, f"{info.name}/METADATA", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{f},,\n" for f in listed))
    if url:
        (info / "direct_url.json").write_text(
            json.dumps({"url": url, "dir_info": {"editable": True}})
        )


@pytest.mark.parametrize("says_what_it_holds", [True, False])
def test_an_editable_install_is_the_users_own(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says_what_it_holds: bool
) -> None:
    """No index has it: it is copied, with the metadata that it may ask for its version."""
    site = tmp_path / "lib" / "site-packages"
    root = project({"shop/__init__.py": "import orjson"})
    distribution(site, "my-shop", {"my_shop.pth": str(root)}, root.as_uri())
    if says_what_it_holds:
        (site / "my_shop-1.5.dist-info" / "top_level.txt").write_text("shop\n")
    monkeypatch.syspath_prepend(str(site))
    found = trace(["shop"])
    assert origin_of("shop") is Origin.OWN
    assert copied(found) == {"shop/__init__.py", "my_shop-1.5.dist-info/METADATA"}
    assert found.installed == {"orjson"}


def test_what_was_installed_from_a_folder_is_on_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Write
) -> None:
    site = tmp_path / "lib" / "site-packages"
    monkeypatch.syspath_prepend(str(site))
    distribution(site, "here", {"shop_here.py": ""}, project().as_uri())
    # conda records the folder of its build machine
    distribution(site, "there", {"shop_there.py": ""}, "file:///home/conda/build/there")
    found = trace(["shop_here", "shop_there"])
    assert copied(found) == {"shop_here.py", "here-1.5.dist-info/METADATA"}
    assert found.installed == {"shop_there"}


def test_a_file_of_the_users_hides_an_installed_one(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "lib" / "site-packages"
    distribution(site, "kit", {"shop_tools.py": ""})
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    refresh()
    assert origin_of("shop_tools") is Origin.INSTALLED
    project(shop_tools="")
    assert origin_of("shop_tools") is Origin.OWN


def test_a_distribution_that_was_just_installed_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "lib" / "site-packages"
    site.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))
    (site / "shop_new.py").write_text("")
    assert trace(["shop_new"]).own
    distribution(site, "new", {"shop_new.py": ""})
    assert trace(["shop_new"]).installed == {"shop_new"}


@pytest.mark.parametrize("name", ["service", "model_runtime", "user_modules"])
def test_names_of_the_bentos_own_are_refused(project: Write, name: str) -> None:
    project(**{name: ""})
    with pytest.raises(UnsupportedModelError, match=rf"module '{name}' .* name of") as told:
        trace([name])
    assert f"my_{name}" in told.value.hint


def test_the_name_of_a_standard_module_is_refused(project: Write) -> None:
    project(this="X = 1")
    sys.modules.pop("this", None)
    with pytest.raises(UnsupportedModelError, match=r"'this' .* a standard module"):
        trace(["this"])


def test_a_compiled_module_of_nobodys_is_refused_by_name(project: Write) -> None:
    root = project(
        {"shop/__init__.py": "from . import fast", "shop/fast.cpython-311-x86_64-linux-gnu.so": ""}
    )
    with pytest.raises(UnsupportedModelError, match=r"'shop\.fast' is compiled") as told:
        trace(["shop"])
    assert str(root) in told.value.message
    assert "wheel" in told.value.hint


def test_too_much_beside_a_module_is_refused(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({"shop/__init__.py": "", "shop/train.csv": "x" * 3_000_000})
    monkeypatch.setattr(copying, "LIMIT", 2_000_000)
    with pytest.raises(UnsupportedModelError, match=r"shop.* come to 3 MB .* up to 2 MB") as told:
        files_of(trace(["shop"]).own)
    assert f"{root}/shop/train.csv (3.0 MB)" in told.value.hint


def test_a_folder_that_links_to_itself_is_walked_once(project: Write) -> None:
    root = project({"shop/__init__.py": "", "shop/data/words.txt": "a"})
    (root / "shop" / "again").symlink_to(root / "shop")
    (root / "shop" / "words").symlink_to(root / "shop" / "data")
    assert copied(trace(["shop"])) == {
        "shop/__init__.py",
        "shop/data/words.txt",
        "shop/words/words.txt",
    }


def test_links_out_of_a_package_are_not_followed_but_to_sources(project: Write) -> None:
    root = project(
        {
            "shop/__init__.py": "",
            "elsewhere/words.txt": "a",
            "elsewhere/tax.py": "",
            "other/__init__.py": "",
            "other/rates.py": "",
            "other/rates.csv": "",
        }
    )
    shop = root / "shop"
    (shop / "words").symlink_to(root / "elsewhere")
    (shop / "words.txt").symlink_to(root / "elsewhere" / "words.txt")
    (shop / "tax.py").symlink_to(root / "elsewhere" / "tax.py")
    (shop / "up").symlink_to(root)
    (shop / "other").symlink_to(root / "other")
    found = trace(["shop"])
    assert copied(found) == {
        "shop/__init__.py",
        "shop/tax.py",
        "shop/other/__init__.py",
        "shop/other/rates.py",
    }
    assert {str(p.relative_to(shop)) for p in left_out(found.own)} == {
        "other/rates.csv",
        "up",
        "words",
        "words.txt",
    }


def test_secrets_beside_a_module_are_not_copied(project: Write) -> None:
    secret = ("server.pem", "id_rsa", "prod.env", "Credentials.json", "keys/service-account-1.json")
    fine = ("__init__.py", "secrets.py", "keys.json", "keyboard.txt", "id_rsa_sizes.csv")
    project({f"shop/{name}": "" for name in (*secret, *fine)})
    found = trace(["shop"])
    assert copied(found) == {f"shop/{name}" for name in fine}
    assert sorted(p.name for p in left_out(found.own)) == sorted(Path(s).name for s in secret)
    content = SimpleNamespace(imports=found)
    [note] = notes_of(content)  # type: ignore[arg-type]
    assert "server.pem" in note


@pytest.mark.parametrize(
    ("before", "after", "edited"),
    [
        ("def f(x):\n    return x + 1\n", "def f(x):\n    return x + 2\n", True),
        ("LIMIT = 1\ndef f(x): return x\n", "LIMIT = 2\ndef f(x): return x\n", True),
        ("class A:\n    def f(self): return 1", "class A:\n    def f(self): return 2", True),
        ("def f(x): return x\n", "", True),
        ("def f(x): return x\n", "def f(x: return", True),
        ("def f(x): return x\n", "# moved\n\n\ndef f(x): return x\n", False),
        ("N = 0\ndef f():\n    global N\n    N += 1\nf()\n", None, False),
        ("import functools\n@functools.cache\ndef f(x): return x\n", None, False),
    ],
)
def test_an_edit_after_the_import_is_noticed(
    project: Write, before: str, after: str | None, edited: bool
) -> None:
    project(shop_edit=before)
    importlib.import_module("shop_edit")
    if after is not None:
        project(shop_edit=after)
    assert trace(["shop_edit"]).edited == (("shop_edit",) if edited else ())


MODEL = """
import json
from pathlib import Path

from .tax import with_tax

RATES = json.loads(Path(__file__).with_name("rates.json").read_text())

class Prices:
    def predict(self, rows):
        import model
        return with_tax(rows[:, 0]) * RATES["factor"] + model.ADD
"""


def own_model(project: Write) -> Any:
    project(
        {
            "shop/__init__.py": "",
            "shop/model.py": MODEL,
            "shop/tax.py": "def with_tax(x): return x * 2",
            "shop/rates.json": '{"factor": 10}',
            "model.py": "ADD = 1",
        }
    )
    return importlib.import_module("shop.model").Prices()


def pack(model: Any) -> VersionSpec:
    inspected = inspect_model(model, np.array([[1.0], [2.0]]))
    return build(convert(inspected), name="prices", version="1.0.0")


LOADS = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from model_runtime.runtime import Runtime
runtime = Runtime(Path(sys.argv[1], "model"))
runtime.load()
print(runtime.predict(b'[{"x0": 1.0}, {"x0": 2.0}]')[0].decode())
print(sys.modules["shop.tax"].__file__)
"""


# a module called model, as the Bento's own folder is: the user's comes first
def test_the_packed_model_imports_the_copies(paths: Paths, project: Write, tmp_path: Path) -> None:
    spec = pack(own_model(project))
    src = Path(spec.bento_home, "bentos", "prices", "1.0.0", "src")
    assert spec.provenance.modules == ["model", "shop"]
    assert b"RATES" not in (src / "model" / "model.pkl").read_bytes()
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADS, str(src)],
        cwd=tmp_path,
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    answer, file = done.stdout.splitlines()
    assert json.loads(answer)["predictions"] == [21.0, 41.0]
    assert file == str(src / "user_modules" / "shop" / "tax.py")


def test_an_edited_module_is_told_with_the_version(paths: Paths, project: Write) -> None:
    model = own_model(project)
    project({"shop/tax.py": "def with_tax(x): return x * 3"})
    importlib.import_module("shop.tax")
    spec = pack(model)
    (note,) = spec.provenance.notes
    assert "module shop.tax was changed after it was imported" in note
    assert spec.engine_reason.endswith(note)
