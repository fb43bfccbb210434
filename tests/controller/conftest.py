"""A controller process and versions for it; nothing of them outlives the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_deploy.config import Paths
from tests.controller.parts import Controller, Versions


@pytest.fixture
def versions(paths: Paths) -> Versions:
    return Versions(paths.home.parent / "versions")


@pytest.fixture(scope="module")
def shared(shared_paths: Paths) -> Iterator[Controller]:
    """One controller with a deployment of two workers, `churn`, for all tests of a module."""
    controller = Controller(shared_paths)
    try:
        controller.start()
        controller.deploy(Versions(shared_paths.home.parent / "versions").spec("churn", "1.0.0", 2))
        yield controller
    finally:
        controller.close()


@pytest.fixture
def controller(paths: Paths) -> Iterator[Controller]:
    controller = Controller(paths)
    try:
        yield controller.start()
    finally:
        controller.close()


@pytest.fixture
def stopped_controller(paths: Paths) -> Iterator[Controller]:
    """One that the test starts itself."""
    controller = Controller(paths)
    try:
        yield controller
    finally:
        controller.close()


@pytest.fixture(scope="module")
def shared_versions(shared_paths: Paths) -> Versions:
    return Versions(shared_paths.home.parent / "versions")
