"""What a model warned of on the sample, as sentences that say what it means."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Warnings whose own words don't tell what follows for the service.
_MEANINGS: tuple[tuple[str, str], ...] = (
    (
        r"X does not have valid feature names",
        "The model was trained on a DataFrame and the sample has no names: columns are taken by "
        "their position.",
    ),
    (
        r"X has feature names, but",
        "The model was trained without column names: columns are taken by their position.",
    ),
    (
        r"Found unknown categories in columns? (.+) during transform",
        "The sample holds categories the model was not trained on: it answers as if they were "
        "none of those it knows.",
    ),
    (
        r"overflow encountered|divide by zero encountered|invalid value encountered",
        "Some numbers overflow or are undefined inside the model on the sample: answers may be "
        "null.",
    ),
    (
        r"Trying to unpickle estimator|version .* when using version",
        "The model was trained with another version of its library: answers may differ from then.",
    ),
)
_PACKAGE = str(Path(__file__).resolve().parents[2])
#: Notes shown, at most.
_SHOWN = 3


@contextmanager
def warned(what: str) -> Iterator[list[str]]:
    """Collect what is warned of inside, each sentence once, instead of showing it.

    Parameters
    ----------
    what
        Who warns, in a sentence: ``The model``.
    """
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        # a filter of the user's that makes errors of warnings would stop the packing
        warnings.simplefilter("always")
        yield notes
    for warning in caught:
        if warning.category is not None and issubclass(
            warning.category, DeprecationWarning | PendingDeprecationWarning | FutureWarning
        ):
            # of no consequence for a version whose requirements are pinned
            continue
        ours = str(warning.filename).startswith(_PACKAGE)
        note = str(warning.message) if ours else _meaning(str(warning.message), what)
        if note not in notes and len(notes) < _SHOWN:
            notes.append(note)


def _meaning(message: str, what: str) -> str:
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, message):
            return meaning
    said = " ".join(message.split())
    return f"{what} warned on the sample: {said if len(said) <= 160 else said[:157] + '...'}"
