"""``--validate``: what is done with inputs that the sample was not like.

::

    range=reject                        a check for all columns
    age.range=reject,plan.category=pass checks of single columns
    mean area.range=reject              a name may hold spaces,
    user.age.range=reject               and dots: the check is what follows the last one
    "a,b".range=reject                  quotes hold a name with a comma, a quote or an equals sign
    null=pass,'a b.range=reject'        and a magic's line together
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator

from jupyter_deploy.commands.suggest import did_you_mean
from jupyter_deploy.exceptions import UsageError

#: What :func:`jupyter_deploy.deploy` takes as `validate`.
Policies = dict[str, "str | dict[str, str]"]

_EXAMPLE = "Write for example --validate range=reject,age.null=pass"


def read_policies(text: str) -> Policies:
    """Return ``{check: policy}`` and ``{column: {check: policy}}`` of a ``--validate``.

    Raises
    ------
    UsageError
        When it can't be read, or there is no such check or policy.
    """
    found: Policies = {}
    for item in map(_unquoted, map(str.strip, _items(text))):
        key, equals, policy = _cut(item, "=")
        if not equals:
            raise UsageError(f"--validate: {item!r} has no '='.", f"{_EXAMPLE}.")
        column, dot, check = _cut(key, ".")
        if not dot:
            column, check = "", key
        elif not column.strip():
            raise UsageError(f"--validate: no column is named in {item!r}.", f"{_EXAMPLE}.")
        _check(check.strip(), policy.strip(), column)
        _put(found, _unquoted(column.strip()), check.strip(), policy.strip())
    return found


def _put(found: Policies, column: str, check: str, policy: str) -> None:
    chosen = found.setdefault(column, {}) if column else found
    where = f"{column}.{check}" if column else check
    if not isinstance(chosen, dict) or (chosen is found and isinstance(found.get(check), dict)):
        raise UsageError(
            f"--validate: {column or check!r} is a check and a column too.",
            "Set one of the two.",
        )
    if check in chosen:
        raise UsageError(f"--validate: {where} is given twice.", "Leave one of them out.")
    chosen[check] = policy


def _check(check: str, policy: str, column: str) -> None:
    from jupyter_deploy.serving.policies import CHECKS

    if check not in CHECKS:
        raise UsageError(
            f"--validate: there is no check {check!r}.",
            did_you_mean(check, CHECKS) or f"The checks are: {', '.join(CHECKS)}.",
        )
    if column and not CHECKS[check].column:
        raise UsageError(
            f"--validate: {check!r} is about a request, not about one column.",
            f"Write --validate {check}={policy}.",
        )
    allowed = CHECKS[check].allowed
    if policy not in allowed:
        choices = f"{check} takes: {', '.join(allowed)}."
        meant = did_you_mean(policy, allowed)
        raise UsageError(
            f"--validate: there is no {policy!r} for {check!r}.",
            f"{meant} {choices}" if meant else choices,
        )


def _items(text: str) -> Iterator[str]:
    """Split at commas, but not in quotes."""
    begin, quote = 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "\"'" and not text[begin:at].strip():
            quote = char  # only at the beginning of a name: don't is a name too
        elif char == ",":
            yield text[begin:at]
            begin = at + 1
    if quote:
        raise UsageError(f"--validate: a closing {quote} is missing in {text!r}.", f"{_EXAMPLE}.")
    yield text[begin:]


def _cut(text: str, at: str) -> tuple[str, str, str]:
    """Cut at the last `at`, which a quoted name doesn't hide: it ends before."""
    before, found, after = text.rpartition(at)
    if after.rstrip().endswith(("'", '"')):
        return text, "", ""
    return before, found, after


def _unquoted(name: str) -> str:
    if name[:1] not in ("'", '"'):
        return name
    try:
        return str(literal_eval(name))
    except (SyntaxError, ValueError):
        return name
