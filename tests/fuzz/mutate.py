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
    for _ in range(rng.randint(1, 4)):
        document = _change(document, rng)
    try:
        text = _written(document, rng)
    except RecursionError:
        return None
    return text.encode("utf-8", "surrogatepass")[:_LONGEST]


def _change(node: Any, rng: random.Random) -> Any:
    """Go down at random and change what is found there."""
    if isinstance(node, list) and node and rng.random() < 0.8:
        at = rng.randrange(len(node))
        if rng.random() < 0.3:
            return _changed_list(node, at, rng)
        if isinstance(node, _Pairs):
            key, value = node[at]
            changed: Any = (key, _change(value, rng))
        else:
            changed = _change(node[at], rng)
        node[at] = changed
        return node
    if rng.random() < 0.1:
        return [node]
    return _Token(rng.choice(_LITERALS))


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
