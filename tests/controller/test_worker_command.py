"""BentoML's worker command line, which is internal: this fails when a release changes it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import bentoml
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.controller.worker_command import (
    KNOWN_GOOD,
    check_interpreter,
    diagnose,
    worker_command,
    worker_environment,
)
from jupyter_deploy.exceptions import ServiceError
from jupyter_deploy.serving.threads import VARIABLES
from tests.controller.parts import Versions


def test_bentoml_takes_the_command_line_that_we_write(versions: Versions) -> None:
    from _bentoml_impl.worker.service import main

    assert version("bentoml") == KNOWN_GOOD == bentoml.__version__
    command = worker_command(versions.spec("churn-eu", "1.0.0"), worker=1, fd=7)
    assert command[1:3] == ["-m", "_bentoml_impl.worker.service"]
    parsed = main.make_context("worker", command[3:]).params
    assert parsed["bento_identifier"] == "churn-eu:1.0.0"
    assert parsed["service_name"] == "churn-eu"
    assert (parsed["fd"], parsed["worker_id"]) == (7, 2)
    assert parsed["timeout_keep_alive"] == 3600


def test_bentoml_reads_the_number_of_workers(
    versions: Versions, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bentoml._internal.configuration.containers import BentoMLConfiguration

    spec = versions.spec("churn-eu", "1.0.0", workers=3)
    environment = worker_environment(spec, 0, paths, paths.metrics, {})
    options = environment["BENTOML_CONFIG_OPTIONS"]
    config = BentoMLConfiguration(override_config_values=options).to_dict()
    assert config["services"]["churn-eu"]["workers"] == 3


def test_a_worker_inherits_no_secrets(versions: Versions, paths: Paths) -> None:
    environ = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s", "JUPYTER_TOKEN": "t", "HOME": "/h"}
    spec = versions.spec("churn", "1.0.0")
    environment = worker_environment(spec, 0, paths, Path("/metrics"), environ)
    assert environment["PATH"] == "/bin"
    assert not {"AWS_SECRET_ACCESS_KEY", "JUPYTER_TOKEN"} & set(environment)
    assert environment["JUPYTER_DEPLOY_HOME"] == str(paths.home)
    assert environment["PROMETHEUS_MULTIPROC_DIR"] == "/metrics"


def test_a_worker_gets_the_limits_that_the_user_set(versions: Versions, paths: Paths) -> None:
    limits = {"JUPYTER_DEPLOY_MAX_BODY": "1000", "JUPYTER_DEPLOY_MAX_IN_FLIGHT": "2"}
    spec = versions.spec("churn", "1.0.0")
    environment = worker_environment(spec, 0, paths, Path("/metrics"), {"PATH": "/bin", **limits})
    assert environment.items() >= limits.items()
    assert not set(limits) & set(worker_environment(spec, 0, paths, Path("/metrics"), {}))


def test_one_thread_a_worker_however_many_the_controller_has(
    versions: Versions, paths: Paths
) -> None:
    spec = versions.spec("churn", "1.0.0")
    environ = {"PATH": "/bin", "OMP_NUM_THREADS": "8"}
    environment = worker_environment(spec, 0, paths, Path("/metrics"), environ)
    assert {environment[name] for name in VARIABLES} == {"1"}


def test_a_python_that_is_gone_says_what_to_do(versions: Versions) -> None:
    spec = versions.spec("churn", "1.0.0").model_copy(update={"interpreter": "/gone/python"})
    with pytest.raises(ServiceError, match="/gone/python") as error:
        check_interpreter(spec)
    assert error.value.hint


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("python: No module named _bentoml_impl.worker", KNOWN_GOOD),
        ("Error: No such option: --fd", KNOWN_GOOD),
        ("ModuleNotFoundError: No module named 'lightgbm'", "Install what is missing"),
        (
            "FileNotFoundError: [Errno 2] No such file: '/b/1.0.0/src/user_modules/config.json'",
            "into a package, a folder with __init__.py",
        ),
        ("Killed", "{deploy} logs churn --version 1.0.0"),
    ],
)
def test_a_death_is_explained(versions: Versions, line: str, hint: str) -> None:
    assert hint in diagnose(versions.spec("churn", "1.0.0"), ["before", line])
