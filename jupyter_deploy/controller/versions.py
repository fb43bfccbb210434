"""A version that is about to come, against the one whose callers are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from jupyter_deploy.compatibility import differences
from jupyter_deploy.controller import numbering
from jupyter_deploy.controller.schema import DeploymentRow, Desired, VersionRow
from jupyter_deploy.exceptions import UsageError
from jupyter_deploy.serving.signature import Signature
from jupyter_deploy.types import Compatibility, ReservationRequest, VersionSpec, VersionState


class Predecessor(NamedTuple):
    """The version that callers know; `signature` is None when it was stored without one."""

    version: str
    signature: Signature | None


def predecessor(session: Session, row: DeploymentRow | None) -> Predecessor | None:
    """Return the version whose callers would notice a change.

    That is the one that is live, or was until the deployment was stopped. While the first one is
    on its way it is that one: it may be live before whoever asks has packed. One that failed has
    no callers, and a removed deployment starts afresh.
    """
    if row is None or row.desired == Desired.REMOVED:
        return None
    query = select(VersionRow).where(VersionRow.deployment == row.name)
    if row.live:
        query = query.where(VersionRow.version == row.live)
    else:
        query = query.where(VersionRow.state == VersionState.STARTING)
    found = session.scalars(query.order_by(VersionRow.seq.desc()).limit(1)).first()
    if found is None:
        return None
    return Predecessor(found.version, read_signature(found.spec["signature"]))


def compare(
    session: Session, row: DeploymentRow | None, name: str, request: ReservationRequest
) -> Compatibility:
    """Say which number a version like `request` gets, and what callers would notice.

    Raises
    ------
    SignatureChangedError, ConflictError, UsageError
        When it gets none.
    """
    before = predecessor(session, row)
    reserved = row.reserved if row else None
    chosen = request.version is not None
    if request.version is None:
        version = numbering.next_version(reserved, request.taken, breaking=request.breaking)
    else:
        version = numbering.chosen_version(name, request.version, reserved, request.taken)
    found = _differences(before, request.signature)
    against = before.version if before else None
    numbering.check_declared(
        name, version, against, found, breaking=request.breaking, chosen=chosen
    )
    return Compatibility(version=version, against=against, differences=found)


def check_submitted(session: Session, row: DeploymentRow, spec: VersionSpec) -> None:
    """Check `spec` once more: since its number was reserved another one may have become live.

    Raises
    ------
    SignatureChangedError
        When its signature is not what its number says.
    UsageError
        When its signature can't be read.
    """
    before = predecessor(session, row)
    found = _differences(before, spec.signature)
    numbering.check_declared(spec.name, spec.version, before and before.version, found)


def _differences(before: Predecessor | None, signature: Mapping[str, Any] | None) -> list[Any]:
    after = read_signature(signature)
    if before is None or before.signature is None or after is None:
        return []
    return list(differences(before.signature, after))


def read_signature(data: Mapping[str, Any] | None) -> Signature | None:
    """Return a signature from its JSON form; None when there is none.

    Raises
    ------
    UsageError
        When it is none, or of a newer release.
    """
    if not data:
        return None
    try:
        return Signature.from_json(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"The signature can't be read: {type(error).__name__}: {error}.",
            "Client and controller may be of different versions: restart the controller.",
        ) from error
