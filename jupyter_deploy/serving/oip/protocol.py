"""One model behind the protocol: metadata and inference."""

from __future__ import annotations

from dataclasses import dataclass

from ..problems import ModelFailed
from ..runtime import Runtime
from . import metadata
from .errors import TensorError
from .inputs import Inputs
from .outputs import named, write
from .raw import read_raw
from .request import read


@dataclass(frozen=True, slots=True)
class InferReply:
    """An answer.

    Attributes
    ----------
    body
        JSON, and binary tensors after it.
    rows
        Rows in the batch.
    header_length
        Bytes of JSON when binary tensors follow; None without.
    """

    body: bytes
    rows: int
    header_length: int | None = None


class Protocol:
    """Metadata and inference of one model."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        packed = runtime.packed
        self._inputs = Inputs(packed.signature)
        self._identity = {"model_name": packed.name, "model_version": packed.version}

    def server_metadata(self) -> bytes:
        """Body of ``GET /v2``."""
        return metadata.server(self._runtime.packed)

    def model_metadata(self) -> bytes:
        """Body of ``GET /v2/models/{name}``."""
        runtime = self._runtime
        return metadata.model(runtime.packed, self._inputs, runtime.sample)

    def infer(self, body: bytes, header_length: int | None = None) -> InferReply:
        """Answer an infer request.

        Parameters
        ----------
        header_length
            Bytes of JSON at the body's beginning, as the client says; None when it says nothing.

        Raises
        ------
        Problem
            Whatever is wrong with the request or the model.
        """
        runtime = self._runtime
        request = read_raw(body, self._inputs) if header_length == 0 else read(body, header_length)
        if request.outputs is not None:
            self._refuse_unknown(request.outputs)
        batch, rows, document = self._inputs.batch(request.tensors, runtime.decoder)
        outputs = named(runtime.run(batch, document))
        wanted = request.outputs or dict.fromkeys(outputs, request.binary)
        try:
            answer, length = write({**self._identity, **request.identity}, outputs, wanted)
        except (TypeError, ValueError) as error:
            raise ModelFailed("The model returned what tensors have no form for.") from error
        return InferReply(answer, rows, length)

    def _refuse_unknown(self, wanted: dict[str, bool]) -> None:
        sample = self._runtime.sample
        known = {} if sample is None else named(sample)
        for name in wanted:
            if name not in known:
                raise TensorError(
                    f"there is no output {name[:40]!r}; outputs are {', '.join(known)}"
                )
