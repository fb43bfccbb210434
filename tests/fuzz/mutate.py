"""Changes to JSON that keep it JSON, mostly: what a mutator of bytes seldom finds."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tests.fuzz.tensors import HEADER, split

#: Literals as they stand in a body; most are refused somewhere.
_LITERALS = (Path(__file__).parent / "literals.txt").read_text().splitlines()
_LITERALS += ["9" * 400, "9" * 5000, f"0.{'1' * 400}", "[" * 600 + "]" * 600, '{"a":' * 600]
_NUMBERS = [literal for literal in _LITERALS if literal[0] in "-0123456789"]
_TEXTS = [literal for literal in _LITERALS if literal[0] == '"']
_LONGEST = 20_000


class _Pairs(list[tuple[str, Any]]):
    """An object whose keys may come twice."""


class _Token(str):
    """A literal, written as it is."""


def mutated(data: bytes, rng: random.Random) -> bytes | None:
    """Return `data` changed in one to four places of its JSON; None when it has none."""
    body, length = split(data)
    if length is None:
        return _mutated(body, rng)
    tail = body[max(length, 0) :]
    changed = _mutated(body[: len(body) - len(tail)], rng)
    if changed is None:
        return None
    length = len(changed) if rng.random() < 0.95 else rng.randrange(len(body) + 2)
    return HEADER + str(length).encode() + b"\n" + changed + tail


def _mutated(body: bytes, rng: random.Random) -> bytes | None:
    try:
        document = json.loads(body, object_pairs_hook=_Pairs, parse_int=_Token, parse_float=_Token)
    except (ValueError, RecursionError):
        return None
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        document = _change(document, rng)
    try:
        text = _written(document, rng)
    except RecursionError:
        return None
    return text.encode("utf-8", "surrogatepass")[:_LONGEST]


def _change(node: Any, rng: random.Random) -> Any:
    """Go down at random and change what is found there."""
    if isinstance(node, list) and node and rng.random() < 0.95:
        at = rng.randrange(len(node))
        if rng.random() < 0.1:
            return _changed_list(node, at, rng)
        if isinstance(node, _Pairs):
            key, value = node[at]
            changed: Any = (key, _change(value, rng))
        else:
            changed = _change(node[at], rng)
        node[at] = changed
        return node
    if rng.random() < 0.05:
        return [node]
    return _Token(_usual(node, rng) if rng.random() < 0.7 else rng.choice(_LITERALS))


def _usual(node: Any, rng: random.Random) -> str:
    """A literal of the same type: most others are refused, and nothing else is looked at then."""
    if isinstance(node, _Token):
        some = str(rng.randint(-300, 300)), repr(rng.uniform(-100, 100))
        return rng.choice((*some, rng.choice(_NUMBERS)))
    if isinstance(node, str):
        some = _moment(rng) if node[4:5] == "-" else json.dumps(rng.choice("xyz"))
        return rng.choice((some, rng.choice(_TEXTS)))
    return rng.choice(["true", "false"] if isinstance(node, bool) else _LITERALS)


def _moment(rng: random.Random) -> str:
    """A date, or a date and time, most often one there is."""
    year = rng.choice((1, 1969, 1970, 2024, 9999))
    text = f"{year:04}-{rng.randint(1, 12):02}-{rng.randint(1, 30):02}"
    if rng.random() < 0.8:
        text += f"{rng.choice('T ')}{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
        if rng.random() < 0.7:
            text += f":{rng.randint(0, 59):02}"
            text += rng.choice(("", "", ".5", ".123456", ",25", f".{rng.randrange(10**9):09}"))
        text += rng.choice(("", "Z", "z", f"{rng.choice('+-')}{rng.randint(0, 23):02}:30", "+0200"))
    return json.dumps(text)


def _changed_list(node: list[Any], at: int, rng: random.Random) -> Any:
    match rng.randrange(6):
        case 0:
            del node[at]
        case 1:
            node.append(node[at])
        case 2:
            rng.shuffle(node)
        case 3 if isinstance(node, _Pairs):
            node[at] = (
                rng.choice([node[0][0], "", "a", "x", "data", node[at][0] + ":"]),
                node[at][1],
            )
        case 4 if isinstance(node, _Pairs):
            values = [value for _, value in node]
            return values
        case _:
            node.extend(node * rng.randint(1, 3))
    return node


def _written(node: Any, rng: random.Random) -> str:
    space = rng.choice(("", "", "", " ", "\n"))
    if isinstance(node, _Pairs):
        return "{" + ",".join(f"{space}{_key(k, rng)}:{_written(v, rng)}" for k, v in node) + "}"
    if isinstance(node, list):
        return "[" + ",".join(space + _written(v, rng) for v in node) + "]"
    return (
        str(node) if isinstance(node, _Token) else json.dumps(node, ensure_ascii=rng.random() < 0.5)
    )


def _key(name: str, rng: random.Random) -> str:
    if name and rng.random() < 0.03:
        return '"' + "".join(f"\\u{ord(c):04x}" for c in name if ord(c) < 0x10000) + '"'
    return json.dumps(name, ensure_ascii=rng.random() < 0.5)
