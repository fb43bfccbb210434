"""What happens when a process dies at a bad moment, under a steady load of predictions.

Nothing is simulated: processes are killed with SIGKILL, and what clients saw is printed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest
from jupyter_client.manager import start_new_kernel

from jupyter_deploy.cli import main
from jupyter_deploy.client.launch import ensure_controller
from tests.conftest import reap
from tests.e2e.conftest import NAME, Live
from tests.load import Load, Outcome
from tests.waiting import wait_for


def under_load(live: Live, fault: Callable[[], None], whole: Callable[[], object]) -> Outcome:
    """Do `fault` under load, wait until `whole` and predictions flow; return what was seen."""
    live.wait_until_whole()
    with Load(live.url, live.body, live.headers) as load:
        wait_for(lambda: load.answered_more_than(100), 10, "load to flow")
        start = time.monotonic()
        fault()
        whole()
        seconds = time.monotonic() - start
        seen = load.outcome.answered
        wait_for(lambda: load.answered_more_than(seen + 100), 20, "load to flow again")
    print(f"\n{fault.__name__}: {load.outcome}; whole after {seconds:.2f} s")
    return load.outcome


def kill(*processes: psutil.Process | None) -> None:
    for process in processes:
        assert process is not None
        process.send_signal(signal.SIGKILL)


def test_one_worker_killed(live: Live) -> None:
    live.wait_until_whole()
    before = live.worker_pids()
    victim = next(iter(before))

    def one_worker() -> None:
        kill(psutil.Process(victim))

    def another() -> None:
        wait_for(lambda: live.whole({victim}), 30, "a new worker")

    outcome = under_load(live, one_worker, another)
    # What the dead worker had in hand can't be asked again safely. Its sockets don't all close at
    # the same instant, so each of the four clients may be caught once more; a gateway that went on
    # sending to a dead worker would lose thousands.
    assert outcome.failed <= 2 * 4, str(outcome)
    assert before - {victim} <= live.worker_pids()


def test_all_workers_killed_at_once(live: Live) -> None:
    live.wait_until_whole()
    before = live.worker_pids()

    def all_workers() -> None:
        kill(*map(psutil.Process, before))

    def others() -> None:
        wait_for(lambda: live.whole(before), 30, "new workers")

    outcome = under_load(live, all_workers, others)
    assert outcome.failed > 0, "nobody was there to answer: failures must be seen as failures"
    # an answer that was on its way when its worker died arrives cut off, and is seen to be
    assert set(outcome.failures) <= {"503", "502", "504", "IncompleteRead"}


def test_controller_killed(live: Live) -> None:
    live.wait_until_whole()
    workers, envoy = live.worker_pids(), live.envoy()
    controller = live.controller()

    def the_controller() -> None:
        kill(controller)

    def adopted() -> None:
        wait_for(lambda: not alive(controller), 10, "the controller's death")
        ensure_controller(live.paths).close()
        live.wait_until_whole()

    outcome = under_load(live, the_controller, adopted)
    assert outcome.failed == 0
    assert live.controller() != controller
    assert live.worker_pids() == workers, "the next controller adopts the same processes"
    assert live.envoy() == envoy


def test_envoy_killed(live: Live) -> None:
    live.wait_until_whole()
    envoy = live.envoy()

    def the_gateway() -> None:
        kill(envoy)

    def back() -> None:
        wait_for(lambda: live.envoy() not in (None, envoy), 10, "another Envoy")

    outcome = under_load(live, the_gateway, back)
    assert outcome.failed > 0
    assert outcome.outage < 2


def test_controller_and_envoy_killed(live: Live) -> None:
    live.wait_until_whole()
    workers, envoy, controller = live.worker_pids(), live.envoy(), live.controller()

    def controller_and_gateway() -> None:
        kill(controller, envoy)

    def back() -> None:
        wait_for(lambda: not alive(controller), 10, "the controller's death")
        ensure_controller(live.paths).close()
        live.wait_until_whole()

    under_load(live, controller_and_gateway, back)
    assert live.worker_pids() == workers


@pytest.mark.parametrize("how", ["interrupt", "restart", "shutdown", "kill"])
def test_the_service_outlives_the_kernel(live: Live, how: str) -> None:
    """The kernel that asked for the deployment goes away; its processes don't notice."""
    manager, client = start_new_kernel(kernel_name="python3", env=dict(os.environ))
    try:
        code = (
            "import jupyter_deploy as jd\n"
            "from tests import models\n"
            "model, sample = models.ridge()\n"
            "d = jd.deploy(model, name='kernel', sample=sample)\n"
        )
        reply = client.execute(code, reply=True, timeout=120, store_history=False)
        assert reply["content"]["status"] == "ok", reply["content"]
        live.wait_until_whole()
        workers, controller, envoy = live.worker_pids(), live.controller(), live.envoy()
        match how:
            case "interrupt":
                manager.interrupt_kernel()
            case "restart":
                manager.restart_kernel()
            case "shutdown":
                manager.shutdown_kernel()
            case "kill":
                manager.signal_kernel(signal.SIGKILL)
        with Load(live.url, live.body, live.headers) as load:
            wait_for(lambda: load.answered_more_than(300), 10, "load to flow")
        assert load.outcome.failed == 0
        assert (live.worker_pids(), live.controller(), live.envoy()) == (workers, controller, envoy)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def test_up_after_everything_was_killed(live: Live) -> None:
    envoy = live.envoy()
    assert envoy is not None
    old = {live.controller(), envoy, *map(psutil.Process, live.worker_pids())}
    reap(live.paths)
    assert not any(map(alive, old))
    assert main(["up"]) == 0
    live.wait_until_whole(1)
    assert not old & {live.controller(), live.envoy(), *map(psutil.Process, live.worker_pids())}
    with Load(live.url, live.body, live.headers) as load:
        wait_for(lambda: load.answered_more_than(100), 10, "load to flow")
    assert load.outcome.failed == 0
    assert live.deployment.name == NAME


def alive(process: psutil.Process) -> bool:
    """A zombie is dead."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
