"""The policies a user asked for, checked and put into the signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from jupyter_deploy.exceptions import UsageError
from jupyter_deploy.serving.policies import CHECKS, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_deploy.serving.signature import Column, Signature

#: ``{check: policy}``, and for one column ``{column: {check: policy}}``.
Validate = Mapping[str, Policy | str | Mapping[str, Policy | str]]


def with_policies(
    signature: Signature, validate: Validate | None, max_rows: int | None
) -> Signature:
    """Return the signature with what was asked for.

    Raises
    ------
    UsageError
        For a check, a column or a policy that there isn't, or that doesn't go together.
    """
    if max_rows is not None and (
        isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1
    ):
        raise UsageError(
            f"max_rows is {max_rows!r}.", "Give a number of rows from 1, or nothing for no limit."
        )
    if validate is not None and not isinstance(validate, Mapping):
        raise UsageError(f"validate is {validate!r}, not a dict.", _EXAMPLE)
    whole: dict[str, Policy] = {}
    single: dict[str, dict[str, Policy]] = {}
    for key, value in (validate or {}).items():
        if isinstance(value, Mapping):
            column = _column(signature, key)
            single[key] = {
                check: _column_policy(column, check, policy) for check, policy in value.items()
            }
        else:
            whole[key] = _policy(signature, key, value)
    inputs = tuple(
        replace(column, policies=single.get(column.name, {})) for column in signature.inputs
    )
    return replace(signature, inputs=inputs, policies=whole, max_rows=max_rows)


_EXAMPLE = "For example: validate={'range': 'reject', 'age': {'range': 'coerce'}}"


def _policy(signature: Signature, check: Any, policy: Any) -> Policy:
    if check not in CHECKS:
        names = [c.name for c in signature.inputs]
        if check in names:
            raise UsageError(
                f"{check!r} is a column, and {policy!r} says nothing about what to check.",
                f"Name the check: validate={{{check!r}: {{'range': {policy!r}}}}}, with one of "
                f"{_listed(_of_columns())} in the place of range.",
            )
        raise UsageError(
            f"There is no check {check!r}.",
            f"{_meant(check, [*CHECKS, *names])}The checks are {_listed(CHECKS)}.",
        )
    return _allowed(check, policy)


def _allowed(check: str, policy: Any) -> Policy:
    allowed = CHECKS[check].allowed
    if policy not in allowed:
        known = policy in ("reject", "coerce", "pass")
        said = "has no policy" if known else "knows no policy"
        meant = "" if known else _meant(policy, allowed)
        raise UsageError(
            f"The check {check!r} {said} {policy!r}.",
            f"{meant}When {CHECKS[check].meaning}, the policies are: {_explained(check)}.",
        )
    return cast("Policy", policy)


def _column(signature: Signature, name: Any) -> Column:
    for column in signature.inputs:
        if column.name == name:
            return column
    names = [c.name for c in signature.inputs]
    raise UsageError(
        f"There is no column {name!r} in the sample.",
        f"{_meant(name, names)}Its columns are {_listed(names)}.",
    )


def _column_policy(column: Column, check: Any, policy: Any) -> Policy:
    name = column.name
    if check not in CHECKS:
        raise UsageError(
            f"There is no check {check!r}, asked for column {name!r}.",
            f"{_meant(check, CHECKS)}The checks of a column are {_listed(_of_columns())}.",
        )
    if not CHECKS[check].column:
        raise UsageError(
            f"The check {check!r} is about the whole request, not about column {name!r}.",
            f"Ask for it once: validate={{{check!r}: {policy!r}}}",
        )
    if check == "range" and column.minimum is None:
        raise UsageError(
            f"Column {name!r} has no range: it holds {_held(column)}.",
            "Ranges are learnt for numbers and dates."
            + (" Use the check 'category'." if column.categories else ""),
        )
    if check == "category" and column.categories is None:
        raise UsageError(
            f"Column {name!r} has no categories: it holds {_held(column)}.",
            "Categories are learnt for text of at most 100 values, and for categorical dtypes."
            + (" Use the check 'range'." if column.minimum is not None else ""),
        )
    if check == "infinite" and column.kind != "number":
        raise UsageError(
            f"Column {name!r} can't be infinite: it holds {_held(column)}.",
            "Leave that check out.",
        )
    return _allowed(check, policy)


def _held(column: Column) -> str:
    words = {"number": "numbers", "integer": "integers", "boolean": "booleans", "datetime": "dates"}
    if column.kind == "string":
        return "text" if column.categories else "free text"
    return words[column.kind]


def _explained(check: str) -> str:
    rule = CHECKS[check]
    ways = ["reject (422, naming the value)"]
    if rule.coerce:
        ways.append(f"coerce ({rule.coerce})")
    if rule.passed:
        ways.append(f"pass ({rule.passed})")
    return "; ".join(ways)


def _of_columns() -> list[str]:
    return [name for name, rule in CHECKS.items() if rule.column]


def _meant(word: Any, known: Iterable[str]) -> str:
    close = get_close_matches(str(word), list(known), n=1)
    return f"Did you mean {close[0]!r}? " if close else ""


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
    return ", ".join(shown[:10]) + more
