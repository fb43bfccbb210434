"""ONNX graphs: an ``.onnx`` file by its path, a ``ModelProto``, or bytes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError, UnsupportedModelError
from jupyter_deploy.packaging.adapters.graph_files import read
from jupyter_deploy.packaging.adapters.graph_inputs import described, match
from jupyter_deploy.packaging.adapters.graphs import OnnxGraph, arrange, open_graph, refusal
from jupyter_deploy.packaging.adapters.table import Whole
from jupyter_deploy.packaging.onnx_graph import run
from jupyter_deploy.packaging.outputs import Outputs
from jupyter_deploy.packaging.samples import open_sample
from jupyter_deploy.serving.signature import Output, Signature

if TYPE_CHECKING:
    from jupyter_deploy.serving.signature import Task


class OnnxAdapter(Whole):
    """See :class:`~jupyter_deploy.packaging.adapters.table.Adapter`."""

    name = "ONNX"
    graphs = True

    def opened(self, model: Any) -> OnnxGraph:
        return arrange(read(model))

    def check(self, model: OnnxGraph) -> None:
        from jupyter_deploy.serving.engines.onnx import DTYPES, fixed_batch

        inputs = open_graph(model.data).get_inputs()
        if not inputs:
            raise UnsupportedModelError(
                "The graph takes no input.", "Export the model itself, not a part of it."
            )
        for tensor in inputs:
            if tensor.type not in DTYPES:
                raise UnsupportedModelError(
                    f"Input {tensor.name!r} is a {tensor.type}, which a request can't carry.",
                    "Export the model with float32 inputs, and a Cast behind them.",
                )
            rows = fixed_batch(tensor)
            if rows is not None and rows != 1:
                raise UnsupportedModelError(
                    f"Input {tensor.name!r} takes exactly {rows} rows at a time, "
                    "and a request has as many as the caller sends.",
                    "Export the model with a dynamic first axis: torch.onnx.export(…, "
                    "dynamic_shapes=({0: 'rows'},)), or one of 1, which is served row by row.",
                )

    def input_names(self, model: OnnxGraph) -> list[str]:
        """Return the graph's own names for its inputs."""
        return [tensor.name for tensor in open_graph(model.data).get_inputs()]

    def task(self, model: OnnxGraph) -> Task:
        return "classification" if model.classes is not None else "other"

    def classes(self, model: OnnxGraph) -> tuple[Any, ...] | None:
        return model.classes

    def outputs(self, model: OnnxGraph, sample: Any) -> Outputs:
        inputs = open_graph(model.data).get_inputs()
        source = open_sample(sample, tensor=inputs[0].name if len(inputs) == 1 else "input")
        columns = source.columns()
        match(inputs, columns, named=source.layout != "array")
        signature = Signature(
            source.layout,
            self.task(model),
            columns,
            tuple(Output(name, "object", (-1,)) for name in model.names),
            model.classes,
            {},
        )
        try:
            found = run(model.data, signature, sample)
        except SampleError:
            raise
        except Exception as error:
            raise SampleError(
                f"The graph raised an error on the sample: {refusal(error)}",
                f"It takes {described(inputs)}.",
            ) from error
        return self._kept(model, found, len(source))

    def to_onnx(self, model: OnnxGraph, signature: Signature) -> list[bytes]:
        return [model.data]

    def _kept(self, model: OnnxGraph, found: Outputs, rows: int) -> Outputs:
        """Leave out what has no value a row, and say so."""
        if not found.predictions.ndim or len(found.predictions) != rows:
            raise SampleError(
                f"The graph answered an array of shape {found.predictions.shape} "
                f"for {rows} rows of the sample.",
                "Its first output must have one value a row; name the one that has "
                "'predictions' when there are several.",
            )
        others = {n: a for n, a in found.others.items() if a.ndim and len(a) == rows}
        left_out = [*model.left_out, *(n for n in found.others if n not in others)]
        if left_out:
            warnings.warn(
                f"The graph's outputs {', '.join(map(repr, left_out))} are left out: "
                "they have no value a row.",
                stacklevel=2,
            )
        return Outputs(found.predictions, found.probabilities, others)


ADAPTER = OnnxAdapter()
