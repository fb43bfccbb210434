"""Every error this package raises on purpose.

::

    DeployError                 code, HTTP status, message, hint
    ├── UsageError              the command or call was written wrongly
    │   └── MethodError         the controller's path doesn't take this HTTP method
    ├── PackagingError          the model or its sample can't be packed
    │   ├── UnsupportedModelError
    │   ├── SampleError
    │   └── ConversionError     only when ``engine="onnx"`` was asked for
    ├── NotFoundError           no such deployment, version or operation
    ├── ConflictError           the state forbids it (name taken, already exists)
    │   └── SignatureChangedError  callers of the live version would have to change
    ├── ControllerError         the controller can't be reached, started or understood
    ├── ServiceError            a version's processes failed to start or to verify
    ├── GatewayError            Envoy is missing, refused a config or is down
    └── PredictionError         the endpoint answered a prediction with an error

A face never invents wording: it prints :meth:`Told.told`, which is ``message`` and ``hint``. Over
the wire an error travels as ``application/problem+json`` (RFC 9457) made by
:meth:`DeployError.problem` and is rebuilt by :func:`from_problem`.

A hint doesn't know where it will be read: it begins a command with :data:`DEPLOY`
(``f"See: {DEPLOY} logs churn"``), and whoever shows it puts in ``%deploy`` or
``jupyter model-deploy``.
"""

from __future__ import annotations

from typing import Any, ClassVar

#: Stands in a hint for the name of our program; on the wire too.
DEPLOY = "{deploy}"
#: What is put in its place unless a face says otherwise; valid in a terminal.
SHELL = "jupyter model-deploy"


class Told:
    """What an exception says: a message, and a hint in the words of whoever shows it."""

    message: str
    _hint: str
    #: Set by a face that lets an error pass to where it is shown in another's words.
    program: str = SHELL

    @property
    def hint(self) -> str:
        """What to do next, as it is written in a terminal, or where the error was raised."""
        return self._hint.replace(DEPLOY, self.program)

    def told(self, program: str = "") -> str:
        """Return message and hint, with `program` where a command of ours begins."""
        hint = self._hint.replace(DEPLOY, program or self.program)
        return f"{self.message}\n{hint}" if hint else self.message


class DeployError(Told, Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        What happened, in one sentence, naming the thing it happened to.
    hint
        What to do next, with :data:`DEPLOY` for our program's name; empty when there is nothing
        sensible to say.
    detail
        JSON-serialisable facts for programs (never secrets).
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, hint: str = "", **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self._hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return self.told()

    def problem(self) -> dict[str, Any]:
        """Return the RFC 9457 problem document of this error."""
        return {
            "type": f"urn:jupyter-deploy:{self.code}",
            "title": type(self).__name__,
            "status": self.status,
            "detail": self.message,
            "hint": self._hint,
            "code": self.code,
            "facts": self.detail,
        }


class UsageError(DeployError):
    code = "usage"
    status = 400


class MethodError(UsageError):
    code = "method-not-allowed"
    status = 405


class PackagingError(DeployError):
    code = "packaging"
    status = 422


class UnsupportedModelError(PackagingError):
    code = "unsupported-model"


class SampleError(PackagingError):
    code = "sample"


class ConversionError(PackagingError):
    code = "conversion"


class NotFoundError(DeployError):
    code = "not-found"
    status = 404


class ConflictError(DeployError):
    code = "conflict"
    status = 409


class SignatureChangedError(ConflictError):
    code = "signature-changed"


class ControllerError(DeployError):
    code = "controller"
    status = 503


class ServiceError(DeployError):
    code = "service"
    status = 502


class GatewayError(DeployError):
    code = "gateway"
    status = 502


class PredictionError(DeployError):
    code = "prediction"
    status = 422


_BY_CODE: dict[str, type[DeployError]] = {
    cls.code: cls
    for cls in (
        UsageError,
        MethodError,
        PackagingError,
        UnsupportedModelError,
        SampleError,
        ConversionError,
        NotFoundError,
        ConflictError,
        SignatureChangedError,
        ControllerError,
        ServiceError,
        GatewayError,
        PredictionError,
    )
}


def from_problem(problem: dict[str, Any]) -> DeployError:
    """Rebuild the error that :meth:`DeployError.problem` described.

    Parameters
    ----------
    problem
        A decoded ``application/problem+json`` document.

    Returns
    -------
    DeployError
        Of the class that ``code`` names; plain :class:`DeployError` for an unknown code.
    """
    cls = _BY_CODE.get(str(problem.get("code")), DeployError)
    return cls(
        str(problem.get("detail") or problem.get("title") or "unknown error"),
        str(problem.get("hint") or ""),
        **(problem.get("facts") or {}),
    )
