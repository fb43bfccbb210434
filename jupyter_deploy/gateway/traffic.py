"""Counts of requests per deployment and version, read from Envoy's statistics."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

#: Finds the access logger's counters among Envoy's statistics.
PATTERN = r"^model\."

_LINE = re.compile(r"envoy_model_requests(?:_total)?\{(?P<labels>[^}]*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass
class Counts:
    """Requests of one version since this Envoy started.

    Attributes
    ----------
    codes
        Requests by HTTP status.
    """

    codes: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.codes.values())

    @property
    def errors(self) -> int:
        """Requests that ended in a server error (5xx), Envoy's own included."""
        return sum(count for code, count in self.codes.items() if code >= 500)


def parse(text: str) -> dict[tuple[str, str], Counts]:
    """Return counts by (deployment, version) from Prometheus text.

    The version is empty for requests that no worker answered; those of no deployment (wrong
    key, unknown path) are left out.
    """
    found: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for match in _LINE.finditer(text):
        labels = dict(_LABEL.findall(match["labels"]))
        deployment, version = (
            "" if labels.get(name) == "-" else labels.get(name, "")
            for name in ("deployment", "version")
        )
        if deployment:
            codes = found[deployment, version].codes
            code = int(labels.get("code", "0"))
            codes[code] = codes.get(code, 0) + int(float(match["value"]))
    return dict(found)
