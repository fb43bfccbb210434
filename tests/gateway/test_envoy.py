"""The life of the process: started, adopted, killed, started again, moved, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway import process
from jupyter_deploy.gateway.envoy import Gateway, free_port
from jupyter_deploy.gateway.plan import Backend
from tests.gateway.conftest import Bench
from tests.gateway.parts import Answer, Load, call, gone, plan, stranger
from tests.waiting import wait_for


def test_adopted_by_another_object(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    one = bench.run(bench.gateway.ensure(plan(bench.port, version)))
    other = bench.another()
    assert other.find() == one
    assert bench.run(other.ensure(plan(bench.port, version, revision=2))) == one
    assert call(bench.port, "/churn/predict", {}).status == 200
    assert json.loads(bench.gateway.files.process.read_text()) == {
        "pid": one.pid,
        "created": one.created,
    }


def test_back_within_two_seconds_after_a_kill(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0", 2)
    same = plan(bench.port, version)
    first = bench.run(bench.gateway.ensure(same))
    with Load(bench.port, "/churn/predict") as load:  # clients hold connections meanwhile
        load.more()
        os.kill(first.pid, signal.SIGKILL)
        begun = time.monotonic()
        wait_for(lambda: not bench.gateway.alive(), 5, "its death is seen", every=0.001)
        second = bench.run(bench.gateway.ensure(same))
        answer = call(bench.port, "/churn/predict", {})
        took = time.monotonic() - begun
        assert answer.status == 200
        load.failed.clear()
        load.seen.clear()
        load.more()
        assert load.failed == []
    assert second != first
    assert took < 2


def test_dead_worker_at_a_start(bench: Bench) -> None:
    """A start asks nobody for health; what is dead is found out afterwards."""
    churn, fraud = (bench.workers.start(name, "1.0.0") for name in ("churn", "fraud"))
    bench.workers.kill(churn.sockets[0])
    bench.run(bench.gateway.ensure(plan(bench.port, churn, fraud)))
    assert call(bench.port, "/fraud/predict", {}).status == 200
    assert call(bench.port, "/churn/predict", {}).status == 503
    assert call(bench.port, "/v2/health/ready").status == 503


def test_process_is_on_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "hush")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.set_inheritable(True)
        inode = os.stat(f"/proc/self/fd/{held.fileno()}").st_ino
        started = bench.run(bench.gateway.ensure(plan(bench.port)))
    proc = Path(f"/proc/{started.pid}")
    assert os.getsid(started.pid) == started.pid != os.getsid(0)
    assert b"hush" not in (proc / "environ").read_bytes()
    inodes = {fd.stat().st_ino for fd in (proc / "fd").iterdir() if fd.exists()}
    assert inode not in inodes
    soft, _ = psutil.Process(started.pid).rlimit(psutil.RLIMIT_NOFILE)
    assert soft >= 4096
    listening = {c.laddr for c in psutil.Process(started.pid).net_connections("tcp")}
    assert {tuple(address) for address in listening} == {("127.0.0.1", bench.port)}
    for path in bench.gateway.files.run_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


STARTER = """
import asyncio, os, sys
from pathlib import Path
from jupyter_deploy.gateway.envoy import Gateway
from jupyter_deploy.gateway.plan import TrafficPlan
gateway = Gateway(Path(sys.argv[1]), Path(sys.argv[2]))
started = asyncio.run(gateway.ensure(TrafficPlan(1, int(sys.argv[3]), None)))
print(started.pid, flush=True)
sys.stdin.read()
os._exit(0)
"""


def _starter(bench: Bench) -> tuple[subprocess.Popen[str], int]:
    """Start Envoy from another Python process, which then never looks at it again."""
    arguments = [str(bench.paths.gateway), str(bench.paths.logs), str(bench.port)]
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout
    return starter, int(starter.stdout.readline())


def _end(starter: subprocess.Popen[str]) -> None:
    starter.kill()
    starter.communicate()


def test_outlives_its_starter(bench: Bench) -> None:
    starter, pid = _starter(bench)
    _end(starter)
    found = bench.gateway.find()
    assert found
    assert found.pid == pid
    assert call(bench.port, "/v2/health/live", key=None).status == 200
    version = bench.workers.start("churn", "1.0.0")
    assert bench.run(bench.gateway.ensure(plan(bench.port, version))) == found
    assert call(bench.port, "/churn/predict", {}).status == 200
    bench.run(bench.gateway.stop())
    wait_for(lambda: gone(pid), 5, "it ends")


def test_zombie_is_dead(bench: Bench) -> None:
    """A starter that doesn't reap: in a container there may be nobody else to."""
    starter, pid = _starter(bench)
    try:
        assert bench.gateway.alive()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 5, "a zombie")
        assert not bench.gateway.alive()
        started = bench.run(bench.gateway.ensure(plan(bench.port)))
        assert started.pid != pid
    finally:
        _end(starter)


def test_found_without_its_record(bench: Bench) -> None:
    """The starter may have died before it could write down whom it started."""
    started = bench.run(bench.gateway.ensure(plan(bench.port)))
    bench.gateway.files.process.unlink()
    assert bench.another().find() == started
    bench.gateway.files.process.write_text('{"pid": ')
    assert bench.another().find() == started


def test_a_pid_that_was_used_again(bench: Bench) -> None:
    me = psutil.Process()
    record = json.dumps({"pid": me.pid, "created": me.create_time()})
    bench.gateway.files.ensure()
    bench.gateway.files.process.write_text(record)
    assert bench.gateway.find() is None
    assert bench.run(bench.gateway.ensure(plan(bench.port))).pid != me.pid


def test_port_of_another_program(bench: Bench) -> None:
    with stranger(bench.port), pytest.raises(GatewayError, match=f"{bench.port}.*taken") as error:
        bench.run(bench.gateway.ensure(plan(bench.port)))
    assert error.value.detail["port"] == bench.port
    assert not bench.gateway.alive()
    bench.run(bench.gateway.ensure(plan(free_port())))
    assert bench.gateway.alive()


def test_two_gateways_cannot_share_a_port(bench: Bench) -> None:
    bench.run(bench.gateway.ensure(plan(bench.port)))
    second = Gateway(bench.paths.runtime / "g2", bench.paths.logs / "g2")
    with pytest.raises(GatewayError, match="taken"):
        bench.run(second.ensure(plan(bench.port)))
    assert not second.alive()


def test_port_lost_at_the_last_moment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Envoy itself finds the port taken; it runs on without one unless it is ended."""
    monkeypatch.setattr(process, "port_is_free", lambda port: True)
    with stranger(bench.port), pytest.raises(GatewayError, match="couldn't listen") as error:
        bench.run(bench.gateway.ensure(plan(bench.port)))
    assert "Address already in use" in error.value.detail["log"]
    wait_for(lambda: not bench.gateway.alive(), 5, "it is ended")


def test_adopting_one_that_has_no_port(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its starter died between starting it and finding out."""
    with monkeypatch.context() as patch, stranger(bench.port):
        patch.setattr(process, "port_is_free", lambda port: True)
        patch.setattr(process, "end", lambda *_: None)
        with pytest.raises(GatewayError):
            bench.run(bench.gateway.ensure(plan(bench.port)))
    portless = bench.gateway.find()
    assert portless
    assert bench.run(bench.another().ensure(plan(bench.port))) != portless
    assert call(bench.port, "/v2/health/live").status == 200


def test_moving_to_another_port(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    first = bench.run(bench.gateway.ensure(plan(bench.port, version)))
    port = free_port()
    with pytest.raises(GatewayError, match=f"listens on port {bench.port}"):
        bench.run(bench.gateway.apply(plan(port, version)))
    second = bench.run(bench.gateway.ensure(plan(port, version)))
    assert second != first
    assert call(port, "/churn/predict", {}).status == 200
    with pytest.raises(ConnectionRefusedError):
        call(bench.port, "/churn/predict", {})


def test_refused_plan_at_a_start(bench: Bench) -> None:
    """What was served before serves again, and the refusal is heard of."""
    version = bench.workers.start("churn", "1.0.0")
    first = bench.run(bench.gateway.ensure(plan(bench.port, version)))
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: not bench.gateway.alive(), 5, "its death")
    bad = plan(bench.port, Backend("churn", "2.0.0?", version.sockets))
    with pytest.raises(GatewayError, match="refused"):
        bench.run(bench.gateway.ensure(bad))
    assert bench.gateway.alive()
    assert call(bench.port, "/churn/predict", {}).headers["x-model-version"] == "1.0.0"


def test_stop_lets_requests_finish(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    started = bench.run(bench.gateway.ensure(plan(bench.port, version)))
    answers: list[Answer] = []
    slow = threading.Thread(
        target=lambda: answers.append(call(bench.port, "/churn/predict", {"wait": 0.8}))
    )
    slow.start()
    wait_for(lambda: not bench.run(bench.gateway.drained("churn", "1.0.0", 0)), 5, "the request")
    bench.run(bench.gateway.stop())
    slow.join()
    assert answers[0].status == 200
    assert gone(started.pid)
    assert not bench.gateway.alive()
    bench.run(bench.gateway.stop())  # nothing to do
    with pytest.raises(GatewayError, match="isn't running"):
        bench.run(bench.gateway.apply(plan(bench.port, version)))


def test_stop_does_not_wait_for_ever(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    started = bench.run(bench.gateway.ensure(plan(bench.port, version)))
    answers: list[Answer | Exception] = []

    def ask() -> None:
        try:
            answers.append(call(bench.port, "/churn/predict", {"wait": 15}))
        except OSError as error:
            answers.append(error)

    slow = threading.Thread(target=ask)
    slow.start()
    wait_for(lambda: not bench.run(bench.gateway.drained("churn", "1.0.0", 0)), 5, "the request")
    begun = time.monotonic()
    bench.run(bench.gateway.stop(timeout=0.2))
    assert time.monotonic() - begun < 3
    assert gone(started.pid)
    slow.join()


def test_logs_start_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_MAX", 100)
    log = bench.paths.logs / "access.jsonl"
    bench.run(bench.gateway.ensure(plan(bench.port)))
    call(bench.port, "/one")
    wait_for(lambda: "/one" in log.read_text(), 10, "the first line")
    bench.run(bench.gateway.rotate_logs())
    assert "/one" in log.with_name("access.jsonl.1").read_text()
    call(bench.port, "/two")
    text = wait_for(lambda: log.exists() and log.read_text(), 10, "the new log")
    assert "/two" in text
    assert "/one" not in text


def test_free_ports_are_free() -> None:
    port = free_port()
    assert process.port_is_free(port)
    with stranger(port):
        assert not process.port_is_free(port)
