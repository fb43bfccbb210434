"""A magic's line, split into words the way Python reads: brackets and quotes hold together.

A shell's rules would take the quotes out of ``df[["age", "plan"]]``.
"""

from __future__ import annotations

from ast import literal_eval

from jupyter_deploy.exceptions import UsageError

_CLOSING = {"(": ")", "[": "]", "{": "}"}


def split(line: str) -> list[str]:
    """Return the words of a line.

    Spaces separate words, but not in brackets or quotes; a word (or the value of
    ``--option=``) that is one quoted string comes without its quotes; ``#`` begins a comment.

    Raises
    ------
    UsageError
        When a bracket or quote is not closed.
    """
    words: list[str] = []
    begin: int | None = None
    open_brackets: list[str] = []
    at = 0
    while at < len(line):
        char = line[at]
        if char in "\"'":
            begin = at if begin is None else begin
            at = _closing_quote(line, at)
        elif char in _CLOSING:
            begin = at if begin is None else begin
            open_brackets.append(_CLOSING[char])
        elif char in _CLOSING.values():
            if not open_brackets or open_brackets.pop() != char:
                raise UsageError(f"There is a {char!r} too many in: {line.strip()}")
        elif not open_brackets and char.isspace():
            if begin is not None:
                words.append(line[begin:at])
            begin = None
        elif not open_brackets and char == "#" and begin is None:
            break
        elif begin is None:
            begin = at
        at += 1
    if open_brackets:
        raise UsageError(f"A {open_brackets[-1]!r} is missing in: {line.strip()}")
    if begin is not None:
        words.append(line[begin:])
    return [_unquoted(word) for word in words]


def _closing_quote(line: str, at: int) -> int:
    quote, end = line[at], at + 1
    while end < len(line) and line[end] != quote:
        end += 2 if line[end] == "\\" else 1
    if end >= len(line):
        raise UsageError(f"A closing {quote} is missing in: {line.strip()}")
    return end


def _unquoted(word: str) -> str:
    option, equals, value = word.partition("=")
    if word.startswith("--") and equals:
        return f"{option}={_unquoted(value)}"
    if word[:1] not in ("'", '"') or _closing_quote(word, 0) != len(word) - 1:
        return word
    try:
        return str(literal_eval(word))
    except (SyntaxError, ValueError):
        return word[1:-1]
