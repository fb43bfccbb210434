"""A loaded model: request body in, answer out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson

from . import engines
from .engines import Engine, Outputs
from .http.encode import Encoder
from .inputs.blame import blame
from .inputs.decode import Decoder
from .packed import Packed
from .problems import ModelFailed, NotReady

logger = logging.getLogger("bentoml.model_runtime")

#: A model slower than this on its warm-up row would keep the event loop from other requests.
INLINE_SECONDS = 0.002
#: Above this many bytes even decoding takes too long for the event loop.
INLINE_BYTES = 64 * 1024


class Runtime:
    """One packed model and what is needed to answer with it.

    Attributes
    ----------
    packed
        What lies in the Bento.
    engine
        None until :meth:`load`.
    inline
        True when short requests may be answered on the event loop.
    sample
        Outputs of the warm-up, which tell the true dtypes and shapes.
    """

    def __init__(self, folder: Path) -> None:
        self.packed = Packed.read(folder)
        self.engine: Engine | None = None
        self.inline = False
        self.sample: Outputs | None = None
        self._encoder = Encoder(self.packed.signature)
        self._decoder: Decoder | None = None
        # one thread: a model need not be safe to call from two; more workers are the way to scale
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="model")

    @property
    def ready(self) -> bool:
        """True once the model is loaded and has answered its warm-up request."""
        return self.sample is not None

    @property
    def decoder(self) -> Decoder:
        """The decoder of the loaded model.

        Raises
        ------
        NotReady
            Before :meth:`load`.
        """
        if self._decoder is None:
            raise NotReady("The model is still being loaded.")
        return self._decoder

    def load(self) -> None:
        """Load the model and answer the warm-up request; does nothing the second time.

        Raises
        ------
        Exception
            Whatever loading or running the model raises.
        """
        if self.ready:
            return
        packed = self.packed
        start = time.perf_counter()
        engine = engines.load(packed)
        self._decoder = Decoder(engine, packed.signature)
        batch, _ = self._decoder.convert(packed.warmup)
        sample = engine.run(batch)
        self._encoder.encode(sample)
        # the first call pays for lazy set-up inside the library; the second is what requests pay
        again = time.perf_counter()
        engine.run(batch)
        now = time.perf_counter()
        self.inline = engine.reentrant and now - again < INLINE_SECONDS
        self.engine = engine
        self.sample = sample
        logger.info(
            "%s %s loaded in %.0f ms (%s, %.3f ms a row, %s)",
            packed.name,
            packed.version,
            1e3 * (now - start),
            packed.engine,
            1e3 * (now - again),
            "on the event loop" if self.inline else "in a thread",
        )

    def predict(self, body: bytes) -> tuple[bytes, int]:
        """Answer a ``/predict`` body.

        Returns
        -------
        tuple
            The answer's body and the number of rows.

        Raises
        ------
        Problem
            Whatever is wrong with the body or the model.
        """
        batch, rows = self.decoder.decode(body)
        return self.encode(self.run(batch, lambda: orjson.loads(body))), rows

    def answer(self, document: Any) -> bytes:
        """Answer a decoded ``/predict`` body; for callers that aren't the lane."""
        batch, _ = self.decoder.convert(document)
        return self.encode(self.run(batch, lambda: document))

    def run(self, batch: Any, document: Callable[[], Any]) -> Outputs:
        """Run the model.

        Parameters
        ----------
        document
            Returns the decoded body that `batch` was made of, should the model raise.

        Raises
        ------
        InvalidInput
            When it raised by the fault of values that its sample didn't hold.
        ModelFailed
            When it raised otherwise; the cause is chained, for the log.
        """
        engine = self.engine
        if engine is None or self.sample is None:
            raise NotReady("The model is still being loaded.")
        if batch is None:  # no rows, which the policy lets pass
            return self.sample.head(0)
        try:
            return engine.run(batch)
        except (Exception, SystemExit) as error:  # a model that exits must not take us with it
            columns = self.decoder.columns
            found = blame(engine, columns(self.packed.warmup), columns(document()))
            if found is not None:
                raise found from None
            raise ModelFailed("The model raised an error on this input; see its log.") from error

    def encode(self, outputs: Outputs) -> bytes:
        """Return the body of an answer.

        Raises
        ------
        ModelFailed
            When the model returned what JSON has no form for.
        """
        try:
            return self._encoder.encode(outputs)
        except (TypeError, ValueError) as error:
            raise ModelFailed("The model returned what JSON has no form for.") from error

    def close(self) -> None:
        """Let the thread end."""
        self.pool.shutdown(wait=False, cancel_futures=True)
