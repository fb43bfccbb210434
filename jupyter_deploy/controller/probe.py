"""Questions to one worker, directly on its socket: is it ready, and does it answer as packed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import httpx

from jupyter_deploy.exceptions import ServiceError
from jupyter_deploy.types import Golden

#: Header of the controller's own requests, so that a worker's metrics can tell them apart.
_AGENT = {"user-agent": "jupyter-deploy-controller"}


class Probe:
    """A client of one worker.

    Parameters
    ----------
    socket
        The worker's Unix socket.
    """

    def __init__(self, socket: str) -> None:
        self._client = httpx.AsyncClient(
            # verify=False: nothing is encrypted on a Unix socket, and loading CAs takes 20 ms
            transport=httpx.AsyncHTTPTransport(uds=socket, verify=False),
            base_url="http://worker",
            headers=_AGENT,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def healthy(self, timeout: float) -> bool:
        """Return True when the model is loaded and has answered once."""
        try:
            answer = await self._client.get("/healthz", timeout=timeout)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    async def replay(
        self, golden: Sequence[Golden], timeout: float, notes: Sequence[str] = ()
    ) -> None:
        """Send each golden request and compare the answer with the packed model's.

        Parameters
        ----------
        notes
            What was noted when the version was packed; may explain a difference.

        Raises
        ------
        ServiceError
            Naming the first difference.
        ConnectionError
            When the worker doesn't answer at all (it may be about to be started again).
        """
        for number, case in enumerate(golden, start=1):
            what = f"golden request {number} of {len(golden)}"
            try:
                answer = await self._client.post("/predict", json=case.request, timeout=timeout)
            except httpx.HTTPError as error:
                raise ConnectionError(f"{what}: {type(error).__name__} {error}".strip()) from error
            if answer.status_code != httpx.codes.OK:
                raise ServiceError(
                    f"The service answered {what} with status {answer.status_code}: "
                    f"{answer.text[:500]}",
                    "The packed model doesn't work as a service; look at its log.",
                )
            if found := difference(case.response, answer.json(), atol=case.atol, rtol=case.rtol):
                raise ServiceError(
                    f"The service doesn't answer as the model did: {what}, {found}.",
                    "The serving environment computes something else than the one that packed "
                    "the model: compare their package versions, or deploy with --engine native."
                    + "".join(f"\nNoted when it was packed: {note}" for note in notes),
                )


def difference(
    expected: Any, got: Any, *, atol: float, rtol: float, where: str = "answer"
) -> str | None:
    """Return the first place where `got` departs from `expected`, or None.

    Numbers may differ by ``atol + rtol * |expected|``; all else must be equal. Keys that `got`
    has on top are allowed.
    """
    pairs: list[tuple[str, Any, Any]] = []
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            if key not in got:
                return f"{where} has no {key!r}"
            pairs.append((f"{where}.{key}", value, got[key]))
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return f"{where} has {len(got)} items, expected {len(expected)}"
        pairs = [(f"{where}[{i}]", *pair) for i, pair in enumerate(zip(expected, got, strict=True))]
    elif not _same(expected, got, atol, rtol):
        return f"{where} is {got!r}, expected {expected!r}"
    for inner, one, other in pairs:
        if found := difference(one, other, atol=atol, rtol=rtol, where=inner):
            return found
    return None


def _same(expected: Any, got: Any, atol: float, rtol: float) -> bool:
    if not (_is_number(expected) and _is_number(got)):
        return type(expected) is type(got) and bool(expected == got)
    if math.isnan(expected):
        return math.isnan(got)
    return bool(expected == got or abs(expected - got) <= atol + rtol * abs(expected))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
