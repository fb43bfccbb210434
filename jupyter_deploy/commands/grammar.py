"""Words → a typed command: the same for ``%deploy`` and ``jupyter model-deploy``.

The first word is a sub-command, or the model of an implied ``deploy``. Sub-command names are
reserved; after ``--`` the first word is a model whatever it is called.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import fields
from typing import NoReturn

from jupyter_deploy.commands.nouns import PROGRAM, Command, Face, Help, Version
from jupyter_deploy.commands.suggest import closest, did_you_mean
from jupyter_deploy.commands.verbs import VERBS, Verb, help_of, overview, verbs_of
from jupyter_deploy.exceptions import UsageError


def parse(words: Sequence[str], face: Face) -> Command:
    """Return the command that `words` spell.

    Parameters
    ----------
    words
        Without the program's name.
    face
        ``magic`` or ``shell``; some commands are the shell's only.

    Raises
    ------
    UsageError
        When they spell none; the hint says what to write instead.
    """
    words = list(words)
    known = verbs_of(face)
    match words:
        case [] | ["-h" | "--help" | "help"]:
            return Help(text=overview(PROGRAM[face], face))
        case ["--version" | "version"]:
            return Version()
        case ["help", word]:
            words = [word, "--help"]
        case ["--", *rest]:
            return _parse("deploy", rest, face)
    if words[0] in known:
        return _parse(words[0], words[1:], face)
    if words[0] in VERBS:
        raise UsageError(
            f"{PROGRAM[face]} {words[0]} works on the command line only.",
            f"In a terminal: {PROGRAM['shell']} {words[0]}",
        )
    _check_command(words, face)
    return _parse("deploy", words, face)


def _check_command(words: list[str], face: Face) -> None:
    """Raise when the first word looks like a slip of a sub-command, not like a model."""
    word = words[0]
    if word.startswith("-") or any(w.split("=")[0] == "--sample" for w in words):
        return
    known = verbs_of(face)
    found = closest(word, known)
    if found:
        rest = " ".join([found, *words[1:]])
        raise UsageError(
            f"There is no command {word!r}.",
            f"Did you mean '{PROGRAM[face]} {rest}'? To deploy a model called {word!r}: "
            f"{PROGRAM[face]} {word} --name NAME --sample SAMPLE",
        )
    if face == "shell" and ":" not in word and "." not in word:
        raise UsageError(f"There is no command {word!r}.", f"The commands are: {', '.join(known)}.")


def _parse(name: str, words: list[str], face: Face) -> Command:
    verb = VERBS[name]
    program = f"{PROGRAM[face]} {name}"
    if any(word in ("-h", "--help") for word in words):
        return Help(text=help_of(verb, PROGRAM[face], face))
    parser = _Parser(prog=program, add_help=False, allow_abbrev=False)
    verb.arguments(parser)
    if "json" in {field.name for field in fields(verb.command)} and verb.shows:
        parser.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    _check_options(parser, verb, words, face)
    found, extra = parser.parse_known_args(words)
    if extra:
        raise UsageError(
            f"{program} takes no {' '.join(extra)!r}.",
            f"{_joined(words, extra)}Write: {PROGRAM[face]} {verb.usage(face)}",
        )
    return verb.build({k: v for k, v in vars(found).items() if v is not None}, face)


def _joined(words: list[str], extra: list[str]) -> str:
    """How words that follow an option's value are made part of it; empty when none do."""
    at = words.index(extra[0]) if extra[0] in words else 0
    if at < 2 or not words[at - 2].startswith("--"):
        return ""
    option, value = words[at - 2 : at]
    if option == "--validate":
        return f"Several checks are one word: {option} {','.join([value, *extra])}\n"
    return f"A value with spaces is quoted: {option} {shlex.quote(' '.join([value, *extra]))}\n"


def _check_options(parser: _Parser, verb: Verb, words: list[str], face: Face) -> None:
    known = parser.option_strings()
    for word in words:
        option = word.split("=")[0]
        if word == "--":
            return
        if not word.startswith("--") or option in known:
            continue
        if verb.name in VERBS and option in ("--name", "--sample"):
            hint = (
                f"To deploy a variable called {verb.name!r}: "
                f"{PROGRAM[face]} -- {verb.name} --name NAME --sample SAMPLE"
            )
        else:
            hint = did_you_mean(option, known) or (
                f"The options are: {', '.join(sorted(known))}." if known else "It has no options."
            )
        raise UsageError(f"{parser.prog} has no option {option}.", hint)


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing and leaving: a notebook must not be left by ``sys.exit``."""

    def option_strings(self) -> list[str]:
        return [option for option in self._option_string_actions if option.startswith("--")]

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}.", f"See: {self.prog} --help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise UsageError(f"{self.prog}: {message or 'wrong usage'}.", f"See: {self.prog} --help")
