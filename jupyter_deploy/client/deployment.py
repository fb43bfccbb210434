"""A deployment as a Python object: what ``deploy`` returns."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_deploy.client import answers, rows
from jupyter_deploy.config import Paths, check_name, paths
from jupyter_deploy.exceptions import PredictionError

if TYPE_CHECKING:
    import httpx

    from jupyter_deploy.client.http import ControllerClient
    from jupyter_deploy.client.signature import VersionSignature
    from jupyter_deploy.types import (
        DeploymentDetail,
        DeploymentInfo,
        DeploymentState,
        StageReport,
        VersionInfo,
    )

T = TypeVar("T")

#: Seconds for a prediction; a model may take its time on many rows.
_PREDICT = 120.0
#: Seconds for a sign of life, and between two of them.
_HEALTH, _PAUSE = 2.0, 0.05


class Deployment:
    """One deployment of this installation.

    Parameters
    ----------
    name
        Its name. Nothing is asked before the first use.
    stages
        Stage reports of the deploy that returned this object, if one did.

    Examples
    --------
    >>> d = Deployment("churn")                                 # doctest: +SKIP
    >>> d.predict(X_test[:3])                                   # doctest: +SKIP
    array(['no', 'yes', 'no'], dtype='<U3')
    """

    def __init__(
        self,
        name: str,
        *,
        installation: Paths | None = None,
        stages: Sequence[StageReport] = (),
    ) -> None:
        self._name = check_name(name)
        self._paths = installation or paths()
        self._last: DeploymentInfo | None = None
        self._http: httpx.Client | None = None
        #: Stage reports of the deploy that made this object, in order; empty otherwise.
        self.stages = tuple(stages)

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str | None:
        """Version that is live now; None while the first one starts."""
        return self.info().version

    @property
    def state(self) -> DeploymentState:
        """State now."""
        return self.info().state

    @property
    def signature(self) -> VersionSignature:
        """What the live version takes and answers (the newest one when none is live)."""
        from jupyter_deploy.client.signature import VersionSignature

        return VersionSignature.of(live_version(self.status()).spec)

    @property
    def endpoint(self) -> str:
        """URL without a trailing slash; POST rows to ``{endpoint}/predict``."""
        return (self._last or self.info()).endpoint

    @property
    def key_header(self) -> str | None:
        """File with the key, for ``curl -H @FILE``; None when no key is asked for."""
        return str(self._paths.key_header) if self._paths.key_header.exists() else None

    @property
    def headers(self) -> dict[str, str]:
        """The key as an HTTP header, for clients of your own; empty when no key is asked for."""
        # read at each call: the key may have been rotated
        if not self._paths.key_header.exists():
            return {}
        name, _, value = self._paths.key_header.read_text("ascii").strip().partition(":")
        return {name.strip(): value.strip()}

    def info(self) -> DeploymentInfo:
        """Return where the deployment stands now, in one line.

        Raises
        ------
        NotFoundError
            When there is no such deployment (any more).
        """
        return self.status().deployment

    def status(self) -> DeploymentDetail:
        """Return where the deployment stands now, with its versions and processes."""
        detail = self._ask(lambda controller: controller.deployment(self._name))
        self._last = detail.deployment
        return detail

    def predict(self, data: Any) -> Any:
        """Ask the live version.

        Parameters
        ----------
        data
            pandas or polars DataFrame, Series (one row), numpy array of two or more dimensions,
            list of records or rows, dict of scalars (one row), of columns or of arrays. NaN is
            sent as null, dates and times as text in ISO 8601.

        Returns
        -------
        numpy.ndarray or list
            One label or value a row; a list when `data` was a list or a dict of lists.

        Raises
        ------
        PredictionError
            When the input is refused; the message names row, column, what it got and expected.
        ServiceError, GatewayError, NotFoundError
            When nothing answers.
        """
        return self.answer_and_value(data)[1]

    def predict_proba(self, data: Any) -> Any:
        """Return probabilities, one row each and one column a class (in the order of ``classes``).

        A classifier of several targets returns a list of such arrays, one a target.

        Raises
        ------
        PredictionError
            When the model has none; else as :meth:`predict`.
        """
        return self.answer_and_value(data, proba=True)[1]

    def answer_and_value(self, data: Any, *, proba: bool = False) -> tuple[dict[str, Any], Any]:
        """Return the endpoint's whole answer, and what :meth:`predict` makes of it.

        Parameters
        ----------
        data
            As for :meth:`predict`.
        proba
            Make of it what :meth:`predict_proba` does.
        """
        body, as_numpy = rows.body(data)
        answer = self._post(body)
        if not proba:
            return answer, rows.labels(answer["predictions"], as_numpy)
        found = rows.probabilities(answer, as_numpy)
        if found is None:
            raise PredictionError(
                f"{self._name!r} answers no probabilities: its model has no predict_proba.",
                "Use predict.",
            )
        return answer, found

    def logs(self, tail: int = 200, version: str | None = None) -> list[str]:
        """Return the newest log lines of the live version's workers (or of `version`'s)."""
        return self._ask(lambda c: c.logs(self._name, version=version, tail=tail)).lines

    def stop(self) -> DeploymentInfo:
        """Stop serving; ``start`` brings the same version back."""
        self._last = self._ask(lambda controller: controller.set_running(self._name, False))
        return self._last

    def start(self, timeout: float = 60.0) -> DeploymentInfo:
        """Serve again after ``stop``, and wait until it does.

        Parameters
        ----------
        timeout
            Seconds to wait; 0 returns at once.

        Raises
        ------
        ServiceError
            When it fails to come up.
        """
        end = time.monotonic() + timeout
        self._last = self._ask(lambda controller: _started(controller, self._name, timeout))
        while not self.serves() and time.monotonic() < end:
            time.sleep(_PAUSE)
        return self._last

    def serves(self) -> bool:
        """Whether the endpoint answers, asked of itself: its worker is ready, and routed to."""
        import httpx

        try:
            answer = self._client().get(
                f"{self.endpoint}/healthz", headers=self.headers, timeout=_HEALTH
            )
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def remove(self) -> None:
        """Stop serving and forget the deployment; its Bentos stay in the Bento store."""
        self._ask(lambda controller: controller.remove(self._name))
        self._last = None

    def _ask(self, call: Callable[[ControllerClient], T]) -> T:
        from jupyter_deploy.client.launch import ensure_controller

        with ensure_controller(self._paths) as controller:
            return call(controller)

    def _post(self, body: bytes) -> dict[str, Any]:
        import httpx

        url = f"{self.endpoint}/predict"
        headers = {"content-type": "application/json", **self.headers}
        try:
            answer = self._client().post(url, content=body, headers=headers)
        except httpx.TransportError as error:
            raise answers.unreached(self._name, self.endpoint, error) from error
        if not answer.is_success:
            raise answers.failure(self._name, answer)
        decoded: dict[str, Any] = answer.json()
        return decoded

    def _client(self) -> httpx.Client:
        """One connection pool a deployment, closed when this object goes."""
        if self._http is None:
            import httpx

            # no proxy of the environment may stand between a notebook and its own loopback
            self._http = httpx.Client(trust_env=False, timeout=_PREDICT)
            weakref.finalize(self, self._http.close)
        return self._http

    def __repr__(self) -> str:
        last = self._last
        if last is None:
            return f"Deployment({self._name!r})"
        return (
            f"Deployment({self._name!r}, version={last.version!r}, state={last.state.value!r}, "
            f"endpoint={last.endpoint!r})"
        )

    def _repr_html_(self) -> str:
        last = self._last
        if last is None:
            return f"<code>{escape(repr(self))}</code>"
        return (
            f"<div><b>{escape(self._name)}</b> {escape(last.version or '')} "
            f"· {escape(last.state.value)} · <code>{escape(last.endpoint)}/predict</code></div>"
        )


def live_version(detail: DeploymentDetail) -> VersionInfo:
    """Return the version that is live, or the newest when none is."""
    live = detail.deployment.version
    return next((v for v in detail.versions if v.spec.version == live), detail.versions[0])


def _started(controller: ControllerClient, name: str, timeout: float) -> DeploymentInfo:
    from jupyter_deploy.client.follow import settled

    info = controller.set_running(name, True)
    return settled(controller, name, timeout) if timeout > 0 else info


def connect(name: str) -> Deployment:
    """Return a deployment that exists already.

    Parameters
    ----------
    name
        As :func:`jupyter_deploy.deploy` was told.

    Raises
    ------
    NotFoundError
        When there is none of that name.
    """
    deployment = Deployment(name)
    deployment.info()
    return deployment
