"""A slow reading of MLflow's requests, JSON or CSV, as :mod:`.reading` has of the others."""

from __future__ import annotations

import csv
import io
from typing import Any

from jupyter_deploy.serving.signature import Column
from tests.fuzz import reading
from tests.fuzz.reading import Refused

_FORMS = {"dataframe_split", "dataframe_records", "instances", "inputs"}


def columns(body: bytes, inputs: tuple[Column, ...]) -> list[list[Any]]:
    """Values by column of a JSON request.

    Raises
    ------
    Refused
        When it isn't one, or not one for these columns.
    """
    request = reading.parsed(body)
    forms = set(request) & _FORMS if isinstance(request, dict) else set()
    if len(forms) != 1 or set(request) - _FORMS - {"params"} or request.get("params"):
        raise Refused("none of the forms, or more than one")
    [form] = forms
    held = request[form]
    if form == "dataframe_split":
        if not isinstance(held, dict) or set(held) - {"columns", "data", "index"}:
            raise Refused("no split DataFrame")
        return _split(held, inputs)
    return reading.columns(held, inputs)


def _split(held: dict[str, Any], inputs: tuple[Column, ...]) -> list[list[Any]]:
    names = [column.name for column in inputs]
    given = held.get("columns", names)
    if given == list(range(len(names))) and not any(type(name) is bool for name in given):
        given = names
    data = held.get("data")
    if not isinstance(data, list) or not isinstance(given, list) or len(given) != len(names):
        raise Refused("no data, or other columns")
    if any(not isinstance(name, str) for name in given) or set(given) != set(names):
        raise Refused("other columns")
    in_their_order = reading.columns(data, inputs)
    return [in_their_order[given.index(name)] for name in names]


def text_columns(body: bytes, inputs: tuple[Column, ...]) -> list[list[Any]]:
    """Values by column of a CSV request, all of them text.

    Raises
    ------
    Refused
        When it isn't one, or not one for these columns.
    """
    names = [column.name for column in inputs]
    try:
        text = body.decode("utf-8-sig")
        header, *table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (ValueError, csv.Error) as error:
        raise Refused(str(error)) from None
    rows = [row for row in table if row]
    if header and header[0] == "" and "" not in names:
        header, rows = header[1:], [row[1:] for row in rows]
    if sorted(header) != sorted(names) or any(len(row) != len(header) for row in rows) or not rows:
        raise Refused("other columns, ragged rows or none")
    places = [header.index(name) for name in names]
    return [[row[at] for row in rows] for at in places]
