"""What a user can ask for, as types: the outcome of parsing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jupyter_deploy.commands.validate import Policies
from jupyter_deploy.exceptions import SHELL

#: Where a command was written.
Face = Literal["magic", "shell"]

#: How a command begins there.
PROGRAM: dict[Face, str] = {"magic": "%deploy", "shell": SHELL}


@dataclass(frozen=True, kw_only=True)
class Command:
    """Base of all commands.

    Attributes
    ----------
    json
        Answer as JSON, for programs.
    """

    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Deploy(Command):
    """Operands are still text: what they name depends on the face."""

    model: str
    name: str
    sample: str
    engine: str = "auto"
    workers: int = 1
    preprocess: str | None = None
    postprocess: str | None = None
    validate: Policies | None = None
    max_rows: int | None = None
    breaking: bool = False
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Status(Command):
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class List(Command):
    pass


@dataclass(frozen=True, kw_only=True)
class Signature(Command):
    name: str
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Predict(Command):
    name: str
    data: str
    proba: bool = False


@dataclass(frozen=True, kw_only=True)
class Logs(Command):
    name: str
    follow: bool = False
    tail: int = 200
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stop(Command):
    name: str


@dataclass(frozen=True, kw_only=True)
class Start(Command):
    name: str


@dataclass(frozen=True, kw_only=True)
class Remove(Command):
    name: str
    yes: bool = False


@dataclass(frozen=True, kw_only=True)
class Up(Command):
    timeout: float = 120.0


@dataclass(frozen=True, kw_only=True)
class Down(Command):
    pass


@dataclass(frozen=True, kw_only=True)
class Demo(Command):
    lab: bool = False


@dataclass(frozen=True, kw_only=True)
class Help(Command):
    text: str


@dataclass(frozen=True, kw_only=True)
class Version(Command):
    pass
