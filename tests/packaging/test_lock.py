from __future__ import annotations

import os
import re
import socket
import time
from importlib import metadata
from pathlib import Path

import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.packaging.dependencies import lock, resolver
from jupyter_deploy.packaging.dependencies.indexes import pip_options, uv_environment
from jupyter_deploy.packaging.dependencies.installed import constraints
from jupyter_deploy.packaging.dependencies.lock import Lock, locking
from jupyter_deploy.packaging.dependencies.requirements import Requirement, pin
from jupyter_deploy.packaging.dependencies.resolver import reason
from jupyter_deploy.types import Engine
from tests.packaging.indexes import PASSWORD, USER, index


def locked(*requirements: Requirement) -> Lock:
    with locking(requirements) as lock:
        return lock.result()


@pytest.fixture
def alone(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No settings of this machine's, and an empty cache of uv's."""
    for name in os.environ:
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return monkeypatch


def test_all_that_is_needed_in_turn_is_locked_as_it_is_installed_here(paths: Paths) -> None:
    found = locked(*pin(Engine.ONNX))
    assert not found.missing
    # a line for each distribution, with a hash for each of its files
    names = dict(line.split("==") for line in found.pins)
    assert {"bentoml", "starlette", "onnxruntime"} <= set(names)
    assert all(metadata.version(name) == version for name, version in names.items())
    blocks = found.text.replace("\\\n", "").strip().split("\n")
    assert len(blocks) == len(names) > 40
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)
    assert "://" not in found.text


def test_a_lock_is_kept_for_the_next_version(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    requirement = Requirement("orjson", metadata.version("orjson"))
    first = locked(requirement)
    assert not first.missing
    monkeypatch.setattr(lock, "Run", lambda *a: pytest.fail("uv was asked again"))
    assert locked(requirement) == first
    (kept,) = paths.locks.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == first.text


def test_what_is_kept_is_of_these_versions_and_settings(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirement = Requirement("orjson", metadata.version("orjson"))
    locked(requirement)
    monkeypatch.setattr(lock, "constraints", lambda: [*constraints(), "something-new==1"])
    locked(requirement)
    monkeypatch.setenv("UV_PRERELEASE", "allow")
    locked(requirement)
    assert len(list(paths.locks.iterdir())) == 3


def test_only_the_newest_are_kept(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "KEPT", 2)
    paths.locks.mkdir()
    for name, age in [("killed.part", 3600), ("written.part", 0)]:
        (paths.locks / name).touch()
        os.utime(paths.locks / name, (time.time() - age,) * 2)
    for i in range(4):
        lock._keep(f"key{i}", "")
        os.utime(paths.locks / f"key{i}.txt", (i, i))
    assert sorted(f.name for f in paths.locks.iterdir()) == [
        "key2.txt",
        "key3.txt",
        "written.part",
    ]


@pytest.mark.parametrize("setting", ["PIP_EXTRA_INDEX_URL", "pip.conf", "UV_EXTRA_INDEX_URL"])
def test_the_users_own_index_is_asked_and_its_password_goes_nowhere(
    alone: pytest.MonkeyPatch, tmp_path: Path, paths: Paths, setting: str
) -> None:
    with index("sesame", "1.5+local") as (address, sha256, asked):
        url = f"http://{USER}:{PASSWORD}@{address}"
        if setting == "pip.conf":
            (tmp_path / "pip.conf").write_text(f"[global]\nextra-index-url =\n    {url}\n")
            alone.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        else:
            alone.setenv(setting, url)
        alone.setenv("UV_INDEX_URL" if setting.startswith("UV") else "PIP_INDEX_URL", url)
        found = locked(Requirement("sesame", "1.5+local"))
    assert found.text == f"sesame==1.5+local \\\n    --hash=sha256:{sha256}\n"
    assert asked
    written = [
        p.read_text() for p in (*paths.home.rglob("*"), *paths.locks.iterdir()) if p.is_file()
    ]
    assert not [text for text in written if PASSWORD in text or address in text]


def test_what_no_index_has_is_named(alone: pytest.MonkeyPatch) -> None:
    with index("sesame", "1.5") as (address, _, _):
        alone.setenv("PIP_INDEX_URL", f"http://{USER}:{PASSWORD}@{address}")
        for version, named in [("1.6", "1.6"), ("1.5+cpu", "1.5+cpu, a build of its own")]:
            found = locked(Requirement("sesame", version))
            assert found.text == f"sesame=={version}\n"
            assert f"no package index that is set up here has sesame=={named}" in found.missing
            assert found.pins == [f"sesame=={version}"]
        assert "here has unheard-of." in locked(Requirement("unheard-of", "1")).missing


def test_without_a_network_packing_goes_on(alone: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        alone.setenv(
            "PIP_INDEX_URL", f"http://{USER}:{PASSWORD}@127.0.0.1:{closed.getsockname()[1]}"
        )
        found = locked(Requirement("orjson", "3.0"))
    assert found.text == "orjson==3.0\n"
    assert found.missing == (
        "The requirements have exact versions but no hashes: the package index can't be reached."
    )


def test_an_index_that_does_not_answer_is_not_waited_for(alone: pytest.MonkeyPatch) -> None:
    alone.setattr(lock, "SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        alone.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with locking([Requirement("orjson", "3.0")]) as locking_:
            found = locking_.result()
            run = locking_._run
    assert "did not answer within" in found.missing
    assert run is not None
    assert run._process.returncode == -9


def test_uv_ends_with_an_interrupt(alone: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        alone.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(KeyboardInterrupt), locking([Requirement("orjson", "3.0")]) as begun:
            raise KeyboardInterrupt
    assert begun._run is not None
    assert begun._run._process.returncode == -9


def test_what_came_from_a_repository_has_no_hashes(paths: Paths) -> None:
    found = locked(Requirement("orjson", "3.0"), Requirement("ty", "1", "git+https://host/ty@c0"))
    assert found.text == "orjson==3.0\nty @ git+https://host/ty@c0\n"
    assert found.pins == ["orjson==3.0", "ty @ git+https://host/ty@c0"]
    assert "ty came from a repository" in found.missing


def test_without_uv_there_are_versions_only(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "find_uv", lambda: None)
    assert "uv is not installed" in locked(Requirement("orjson", "3.0")).missing


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Because a==1 depends on b<2 and b==3 … are unsatisfiable.", "contradict each other"),
        (
            "error: No solution found cause: Because bentoml was not found in the cache and you "
            "require bentoml==1.4.39, we can conclude that your requirements are unsatisfiable. "
            "hint: Packages were unavailable because the network was disabled.",
            "uv works offline (UV_OFFLINE is set)",
        ),
        ("error: failed to write: No space left on device (os error 28)", "no space left"),
        ("error: failed to create directory `/x/.cache/uv`: (os error 2)", "can't be written"),
        ("panicked at http://u:secret@host", "uv could not lock them"),
    ],
)
def test_uvs_words_become_one_reason(said: str, told: str) -> None:
    assert told in reason(said)
    assert "secret" not in reason(said)


def test_uv_is_found_where_pip_put_it() -> None:
    found = resolver.find_uv()
    assert found is not None
    assert os.access(found, os.X_OK)


def test_pips_settings_in_uvs_words(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://a/simple\nextra-index-url = https://b\n    https://c\n"
        "find-links = /wheels\ncert = /global.pem\n[install]\ncert = /ca.pem\ntrusted-host = b\n"
        "no-index = true\nproxy = http://proxy:1\n"
    )
    environ = {"PIP_CONFIG_FILE": str(file), "PIP_FIND_LINKS": "/x /y", "HOME": str(tmp_path)}
    found = uv_environment(environ)
    expected = {
        "UV_INDEX_URL": "https://a/simple",
        "UV_EXTRA_INDEX_URL": "https://b https://c",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/x,/y",
        "UV_INSECURE_HOST": "b",
        "UV_NO_INDEX": "1",
        "SSL_CERT_FILE": "/ca.pem",
        "ALL_PROXY": "http://proxy:1",
    }
    assert {k: found.get(k) for k in expected} == expected


def test_who_has_set_uv_up_is_left_alone(tmp_path: Path) -> None:
    environ = {"UV_DEFAULT_INDEX": "https://mine", "PIP_INDEX_URL": "https://a"}
    assert "UV_INDEX_URL" not in uv_environment(environ)


def test_pips_settings_can_be_turned_off_or_broken(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)}
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "pip.conf").write_text("[global]\nindex-url = https://a\n")
    assert pip_options(environ)["index-url"] == "https://a"
    assert pip_options({**environ, "PIP_CONFIG_FILE": os.devnull}) == {}
    (tmp_path / "pip" / "pip.conf").write_text("index-url = nowhere\n")
    assert "index-url" not in pip_options({**environ, "PIP_CONFIG_FILE": str(tmp_path / "none")})


def test_all_installed_distributions_are_known() -> None:
    found = dict(line.split("==") for line in constraints())
    assert found["bentoml"] == metadata.version("bentoml")
    assert found["scikit-learn"] == metadata.version("scikit-learn")
