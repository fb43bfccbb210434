from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_deploy.controller import logs


def write(folder: Path, worker: int, text: str) -> Path:
    path = logs.log_file(folder, "churn", "1.0.0", worker)
    logs.prepare(path)
    with path.open("a") as file:
        file.write(text)
    return path


def test_workers_are_merged_by_time_and_tracebacks_stay_together(tmp_path: Path) -> None:
    write(tmp_path, 0, "2026-11-21T12:00:01 a\n  traceback\n2026-11-21T12:00:03 c\n")
    write(tmp_path, 1, "2026-11-21T12:00:02 b\n")
    page = logs.read(tmp_path, "churn", "1.0.0", 2, tail=10)
    assert [line.split(" | ")[1].split()[-1] for line in page.lines] == ["a", "traceback", "b", "c"]
    assert logs.read(tmp_path, "churn", "1.0.0", 2, tail=1).lines == page.lines[-1:]


def test_following_gives_each_line_once(tmp_path: Path) -> None:
    for worker in range(3):
        write(tmp_path, worker, f"first {worker}\n")
    position = logs.read(tmp_path, "churn", "1.0.0", 3, tail=10).position
    write(tmp_path, 1, "second\nhal")
    page = logs.read(tmp_path, "churn", "1.0.0", 3, tail=10, after=position)
    assert page.lines == ["worker 1 | second"]
    write(tmp_path, 1, "f\n")
    page = logs.read(tmp_path, "churn", "1.0.0", 3, tail=10, after=page.position)
    assert page.lines == ["worker 1 | half"]


def test_a_file_set_aside_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = write(tmp_path, 0, "x" * logs.ROTATE_BYTES + "\n")
    position = logs.read(tmp_path, "churn", "1.0.0", 1, tail=1).position
    logs.prepare(path)
    assert not path.exists()
    assert path.with_name(f"{path.name}.1").exists()
    write(tmp_path, 0, "new\n")
    page = logs.read(tmp_path, "churn", "1.0.0", 1, tail=1, after=position)
    assert page.lines == ["worker 0 | new"]


def test_a_log_that_grows_too_long_is_cut_while_its_worker_writes(tmp_path: Path) -> None:
    path = write(tmp_path, 0, "")
    with path.open("a") as worker:
        worker.write("x\n" * (logs.CUT_BYTES // 2) + "the end\n")
        worker.flush()
        position = logs.read(tmp_path, "churn", "1.0.0", 1, tail=1).position
        logs.cut(path)
        worker.write("goes on\n")
    older = path.with_name(f"{path.name}.1").read_text()
    assert len(older) <= 1_000_000
    assert older.endswith("the end\n")
    page = logs.read(tmp_path, "churn", "1.0.0", 1, tail=1, after=position)
    assert page.lines == ["worker 0 | goes on"]


def test_missing_logs_are_empty(tmp_path: Path) -> None:
    page = logs.read(tmp_path, "churn", "1.0.0", 2, tail=10)
    assert (page.lines, page.position) == ([], 0)


def test_the_last_life_is_told_without_secrets(tmp_path: Path) -> None:
    path = write(tmp_path, 0, "an earlier life\n")
    logs.mark_start(path, 0, "now")
    write(tmp_path, 0, "API_KEY=abc token: xyz\n\nValueError: broken\n")
    assert logs.last_life(path, 0) == ["API_KEY=*** token: ***", "ValueError: broken"]


TRACEBACK = ["Traceback (most recent call last):", '  File "x.py", line 1, in f', "    f()"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], ""),
        (["loading", "Killed"], "Killed"),
        (["loading", *TRACEBACK, "MemoryError"], "MemoryError"),
        (
            ["loading", *TRACEBACK, "RuntimeError: no CUDA device", "[ERROR] startup failed."],
            "RuntimeError: no CUDA device",
        ),
        # its beginning may be cut off
        ([*TRACEBACK[1:], "RuntimeError: no", "[ERROR] Exiting."], "RuntimeError: no"),
        (
            [*TRACEBACK, "KeyError: 1", "During handling of", *TRACEBACK, "OSError: 2", "Exiting."],
            "OSError: 2",
        ),
        (
            ['  File "x.py", line 1', "    f(", "     ^", "SyntaxError: '('", "x"],
            "SyntaxError: '('",
        ),
    ],
)
def test_the_reason_of_a_death_is_its_exception(lines: list[str], reason: str) -> None:
    assert logs.reason(lines) == reason
