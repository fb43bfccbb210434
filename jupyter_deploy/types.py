"""The words of this package, as types: what travels between faces, client and controller.

Every model here is immutable, refuses unknown fields, and is what the controller's OpenAPI
document shows. ``API_VERSION`` counts changes of these types that an older reader can't follow.

deployment
    A name users call.
version
    One packed model: a Bento, semantic version, immutable.
operation
    One piece of work the controller was asked for (make a version live), with its stages.
event
    One line of the controller's append-only log.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

API_VERSION = 1


class Wire(BaseModel):
    """Base of everything on the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Engine(StrEnum):
    ONNX = "onnxruntime"
    NATIVE = "native"


class Stage(StrEnum):
    """Stages of a deploy, in order; three run in the kernel, three in the controller."""

    INSPECT = "inspect"
    CONVERT = "convert"
    PACKAGE = "package"
    START = "start"
    VERIFY = "verify"
    ROUTE = "route"


class StageState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class StageReport(Wire):
    """Where one stage stands.

    Attributes
    ----------
    seconds
        Time it took, or has taken so far.
    detail
        One plain sentence for people; may be empty.
    """

    stage: Stage
    state: StageState
    seconds: float = 0.0
    detail: str = ""


class Parity(Wire):
    """Converted model against the native one, on rows of the sample.

    Attributes
    ----------
    rows
        Rows compared.
    compared
        Output that was compared: ``probabilities``, ``predictions``, or the one of several that
        differs most for its tolerance.
    max_abs_diff
        Worst absolute difference of `compared`, native in float64.
    atol, rtol
        A row is beyond tolerance when ``|a - b| > atol + rtol * |b|`` for any of its outputs
        (the rule of :func:`numpy.isclose`).
    rows_beyond
        Rows beyond tolerance.
    flipped
        Rows whose predicted label differs (classification), 0 otherwise.
    worst_row
        Position in the sample of the worst row; None when there is no difference.
    passed
        What the gate decided.
    worst_column
        Position in that row's answer of the worst value; None where a row has one value.
    worst_class
        The class that it is the probability of.
    flipped_rows
        Positions in the sample of rows whose label differs, the first ten.
    """

    rows: int
    compared: str
    max_abs_diff: float
    atol: float
    rtol: float
    rows_beyond: int
    flipped: int
    worst_row: int | None
    passed: bool
    worst_column: int | None = None
    worst_class: str | int | float | bool | None = None
    flipped_rows: list[int] = []


class GitState(Wire):
    """The repository that the kernel ran in, when the version was packed.

    Attributes
    ----------
    commit
        Full hash; None before the first commit.
    dirty
        Whether tracked files differed from it, or untracked ones lay beside them.
    """

    commit: str | None
    branch: str | None
    dirty: bool


class Notebook(Wire):
    """The cell that packed a version.

    Attributes
    ----------
    path
        As the Jupyter server names it; None when the kernel was not told.
    cell
        The cell's id; None when the front end sends none.
    execution
        The cell's execution count.
    """

    path: str | None
    cell: str | None
    execution: int | None


class Provenance(Wire):
    """Where a version comes from."""

    created: str = Field(description="UTC time, ISO 8601")
    user: str
    python: str
    platform: str
    packages: dict[str, str] = Field(description="pinned requirements of the version")
    model_type: str
    model_sha256: str = Field(description="of the packed model file, hex")
    sample_sha256: str = Field(description="of the sample's values, hex")
    sample_rows: int
    serialization: Literal["onnx", "cloudpickle"]
    package_version: str
    model_bytes: int = Field(default=0, description="size of the packed model file")
    sample_columns: int = 0
    notebook: Notebook | None = None
    source: GitState | None = None
    seconds: dict[str, float] = Field(default={}, description="time of each step of packing")
    modules: list[str] = Field(default=[], description="the user's own modules, copied in")
    hooks: dict[str, str] = Field(
        default={}, description="the user's functions around the model: place to name"
    )
    lock: str = Field(default="", description="why there is no lock file with hashes, if so")
    notes: list[str] = Field(default=[], description="what was odd about the model or its modules")


class Golden(Wire):
    """A request with the answer the packed model gave; replayed before a version takes traffic."""

    request: Any
    response: dict[str, Any]
    atol: float
    rtol: float


class VersionSpec(Wire):
    """A packed version, as the client hands it to the controller.

    Attributes
    ----------
    bento
        ``name:version`` in the store at `bento_home`.
    bento_home
        ``BENTOML_HOME`` of that store.
    interpreter
        Python executable that packed it and runs its workers.
    engine_reason
        Why this engine, in one sentence.
    signature
        :meth:`jupyter_deploy.serving.signature.Signature.to_json`.
    stages
        The stages that ran in the kernel.
    """

    name: str
    version: str
    bento: str
    bento_home: str
    interpreter: str
    workers: int = Field(default=1, ge=1, le=64)
    engine: Engine
    engine_reason: str
    signature: dict[str, Any]
    parity: Parity | None
    provenance: Provenance
    golden: list[Golden]
    stages: list[StageReport] = []


class VersionState(StrEnum):
    """starting → live → draining → stopped; failed from any of the first two."""

    STARTING = "starting"
    LIVE = "live"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


class DeploymentState(StrEnum):
    """What a user sees of a deployment."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    FAILED = "failed"


class ProcessInfo(Wire):
    """One worker process; `created` is its start time (seconds since the epoch), which with the
    pid identifies it for good.
    """

    worker: int
    pid: int | None
    created: float | None
    ready: bool
    restarts: int
    socket: str


class VersionInfo(Wire):
    spec: VersionSpec
    state: VersionState
    error: str = ""
    processes: list[ProcessInfo] = []


class DeploymentInfo(Wire):
    """One deployment as ``list`` and the panel show it.

    Attributes
    ----------
    version
        The live version; None while the first one starts.
    endpoint
        URL of the deployment, without a trailing slash; POST rows to ``{endpoint}/predict``.
    ready, workers
        Workers that answer, and workers wanted, of the live version.
    restarts
        Times a worker of the live version was started again after it died.
    error
        Why it is failed or degraded, in one sentence.
    """

    name: str
    state: DeploymentState
    version: str | None
    engine: Engine | None
    endpoint: str
    workers: int
    ready: int
    restarts: int
    created: str
    updated: str
    error: str = ""


class DeploymentDetail(Wire):
    """One deployment with its versions, newest first."""

    deployment: DeploymentInfo
    versions: list[VersionInfo]


class Problem(Wire):
    """An error (RFC 9457): :meth:`jupyter_deploy.exceptions.DeployError.problem`.

    Attributes
    ----------
    detail
        What happened, in one sentence.
    hint
        What to do next; ``{deploy}`` stands for the name of our program.
    code
        Which error; stable.
    facts
        For programs.
    """

    type: str
    title: str
    status: int
    detail: str
    hint: str
    code: str
    facts: dict[str, Any]


class OperationState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Operation(Wire):
    """Progress of making one version live.

    `error` is a problem document (:meth:`jupyter_deploy.exceptions.DeployError.problem`).
    `seq` is the sequence number of the last event of this operation.
    """

    id: str
    deployment: str
    version: str
    state: OperationState
    stages: list[StageReport]
    error: dict[str, Any] | None = None
    seq: int = 0


class Event(Wire):
    """One line of the append-only event log.

    `kind` is one of ``version.started``, ``operation.stage``, ``operation.done``,
    ``operation.failed``, ``deployment.live``, ``deployment.changed``, ``deployment.removed``,
    ``worker.started``, ``worker.died``, ``gateway.started``, ``gateway.died``, ``gateway.moved``,
    ``controller.started``.
    """

    seq: int
    time: str
    kind: str
    deployment: str = ""
    version: str = ""
    data: dict[str, Any] = {}


class EventPage(Wire):
    """Events after the asked sequence number; `head` is the newest in the log."""

    events: list[Event]
    head: int


class ReservationRequest(Wire):
    """Asks for a version number.

    Attributes
    ----------
    taken
        Those in the caller's Bento store.
    signature
        Of the model about to be packed; compared with the newest version's. None asks for no
        comparison.
    breaking
        Take the next major number, whatever changed.
    version
        The number itself, when the caller chose one.
    """

    taken: list[str] = []
    signature: dict[str, Any] | None = None
    breaking: bool = False
    version: str | None = None


class Reservation(Wire):
    version: str


class Difference(Wire):
    """One thing that a caller of one version would notice of another.

    Attributes
    ----------
    column
        The input column, or the output when `what` begins with ``output``; empty when it is
        about all of them.
    what
        ``column`` or ``output`` (there or not), ``type``, ``shape``, ``null``, ``input``,
        ``order of columns``, ``task``, ``classes``, ``output type``, ``output shape``,
        ``output classes``.
    before, after
        In words; empty for what is not there.
    """

    column: str
    what: str
    before: str
    after: str


class Compatibility(Wire):
    """What a reservation would answer now.

    Attributes
    ----------
    version
        The number that would be given.
    against
        Version whose signature was compared; None when there is none to compare with.
    differences
        What callers would notice; only a version of a higher major number may have any.
    """

    version: str
    against: str | None
    differences: list[Difference]


class StateRequest(Wire):
    """Desired state of a deployment."""

    running: bool


class LogPage(Wire):
    """Log lines of a version's workers, oldest first; `position` asks for what comes after."""

    lines: list[str]
    position: int


class GatewayInfo(Wire):
    """The gateway, as faces need it; the key itself never travels."""

    url: str
    key_header: str | None = Field(
        description="file holding the key as a header line; None when open"
    )
    pid: int | None
    running: bool


class ControllerInfo(Wire):
    version: str
    api: int
    pid: int
    started: str
    home: str
    python: str
    gateway: GatewayInfo
    head: int = Field(description="sequence number of the newest event")
