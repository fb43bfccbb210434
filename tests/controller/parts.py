"""A real controller process, its client, and versions to give it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil

from jupyter_deploy.config import Paths
from jupyter_deploy.serving.signature import Column, Output, Signature
from jupyter_deploy.types import (
    Engine,
    Event,
    Golden,
    Operation,
    OperationState,
    Provenance,
    Stage,
    StageReport,
    StageState,
    VersionSpec,
)
from tests.waiting import wait_for

FAKE = Path(__file__).with_name("fake_python.py")


class Versions:
    """Versions whose workers are :mod:`tests.controller.fake_python`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.python = folder / "python"
        self.python.write_text(f"#!{sys.executable} -SE\n{FAKE.read_text()}")
        self.python.chmod(0o700)

    def behave(
        self,
        version: str,
        *,
        ready: bool = True,
        dies: str | None = None,
        answers: Any = (1.0, 2.0),
    ) -> None:
        """Decide how the workers of `version` behave from now on."""
        temporary = self.folder / f"{version}.tmp"
        temporary.write_text(json.dumps({"ready": ready, "dies": dies, "answers": answers}))
        temporary.replace(self.folder / f"{version}.json")

    def spec(
        self,
        name: str,
        version: str,
        workers: int = 1,
        golden: Any = (1.0, 2.0),
        signature: dict[str, Any] | None = None,
        **behaviour: Any,
    ) -> VersionSpec:
        """Return a version that behaves so; its golden request expects `golden`."""
        self.behave(version, **behaviour)
        return VersionSpec(
            name=name,
            version=version,
            bento=f"{name}:{version}",
            bento_home=str(self.folder),
            interpreter=str(self.python),
            workers=workers,
            engine=Engine.ONNX,
            engine_reason="",
            signature=signature or {},
            parity=None,
            provenance=Provenance(
                created="2026-11-21T12:00:00Z",
                user="u",
                python="3.11",
                platform="linux",
                packages={},
                model_type="Fake",
                model_sha256="",
                sample_sha256="",
                sample_rows=2,
                serialization="onnx",
                package_version="0",
            ),
            golden=[
                Golden(
                    request=[{"x": 1}, {"x": 2}],
                    response={"predictions": list(golden)},
                    atol=1e-6,
                    rtol=1e-6,
                )
            ],
            stages=[StageReport(stage=Stage.PACKAGE, state=StageState.DONE, seconds=1.0)],
        )


def signature(*names: str) -> dict[str, Any]:
    """Return the signature of a regressor on columns of these names."""
    return Signature(
        layout="dataframe",
        task="regression",
        inputs=tuple(Column(name, "float64", "number") for name in names),
        outputs=(Output("predictions", "float64", (-1,)),),
        classes=None,
        example=dict.fromkeys(names, 1.0),
    ).to_json()


class Controller:
    """The controller of an installation, as a process of its own."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.process: subprocess.Popen[str] | None = None
        self.http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(paths.controller_socket)),
            base_url="http://controller/v1",
            timeout=90,
        )

    def start(self) -> Controller:
        """Start it; a guard may be quicker, then ours leaves."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_deploy.controller"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        wait_for(self.answers, 20, "the controller's answer")
        if self.pid() != self.process.pid:
            self.process.wait(20)
        return self

    def answers(self) -> bool:
        if self.process and self.process.poll():
            log = self.paths.controller_log.read_text()
            raise AssertionError(f"the controller ended with {self.process.returncode}: {log}")
        # asked first: httpcore leaks the socket of a refused connection
        return self.listens() and self.http.get("/controller").status_code == 200

    def listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.paths.controller_socket)) == 0

    def pid(self) -> int:
        return int(self.get("/controller")["pid"])

    def end(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        """End the controller by a signal; return its exit code when it is our child."""
        pid = self.pid()
        os.kill(pid, how)
        return self.wait(pid)

    def wait(self, pid: int | None = None) -> int | None:
        """Wait until the controller is gone."""
        if self.process and pid in (None, self.process.pid):
            return self.process.wait(30)
        assert pid
        wait_for(lambda: not psutil.pid_exists(pid), 30, "the controller's end")
        return None

    def close(self) -> None:
        """End it with all services: quicker than killing all, since orphans wait for init."""
        if self.listens():
            pid = self.pid()
            self.http.post("/shutdown", params={"services": True})
            self.wait(pid)
        self.http.close()
        if self.process:
            self.process.wait(20)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def submit(self, spec: VersionSpec) -> Operation:
        answer = self.http.post(
            f"/deployments/{spec.name}/versions", json=spec.model_dump(mode="json")
        )
        assert answer.status_code == 202, answer.text
        return Operation.model_validate(answer.json())

    def operation(self, identity: str) -> Operation:
        return Operation.model_validate(self.get(f"/operations/{identity}"))

    def finished(self, identity: str, timeout: float = 20) -> Operation:
        """Wait until an operation is done or failed."""

        def ended() -> Operation | None:
            operation = self.operation(identity)
            return None if operation.state is OperationState.RUNNING else operation

        return wait_for(ended, timeout, f"the end of operation {identity}")  # type: ignore[return-value]

    def deploy(self, spec: VersionSpec) -> None:
        """Submit a version and wait until it is live."""
        operation = self.finished(self.submit(spec).id)
        assert operation.state is OperationState.DONE, operation.error

    def info(self, name: str) -> dict[str, Any]:
        return dict(self.get(f"/deployments/{name}")["deployment"])

    def until_state(self, name: str, state: str, timeout: float = 20) -> dict[str, Any]:
        return wait_for(
            lambda: (info := self.info(name))["state"] == state and info,
            timeout,
            f"{name} to be {state}",
        )

    def pids(self, name: str, version: str) -> list[int | None]:
        for one in self.get(f"/deployments/{name}")["versions"]:
            if one["spec"]["version"] == version:
                return [process["pid"] for process in one["processes"]]
        return []

    def events(self, after: int = 0) -> list[Event]:
        return [Event.model_validate(e) for e in self.get("/events", after=after)["events"]]

    def predict(self, name: str, **headers: str) -> httpx.Response:
        """Ask through the gateway."""
        if not headers:
            key, _, value = self.paths.key_header.read_text().strip().partition(": ")
            headers = {key: value}
        url = self.info(name)["endpoint"]
        return httpx.post(f"{url}/predict", json=[{"x": 1}, {"x": 2}], headers=headers, timeout=10)


def workers_of(paths: Paths) -> set[int]:
    """Pids of all workers of an installation that run, by their environment."""
    found = set()
    for process in psutil.process_iter():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        except OSError:
            continue
        items = environment.split(b"\0")
        ours = f"JUPYTER_DEPLOY_HOME={paths.home}".encode() in items
        if ours and any(item.startswith(b"JUPYTER_DEPLOY_WORKER=") for item in items):
            found.add(process.pid)
    return found
