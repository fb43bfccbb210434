"""What is wrong with a request of this protocol, in the one sentence it has room for."""

from __future__ import annotations

from ..problems import InvalidInput, Problem

#: Longest piece of a tensor's name that an answer repeats.
_SHOWN = 40


class TensorError(Problem):
    """An infer request that isn't one."""

    status = 400
    code = "invalid-tensor"
    title = "The inference request is not valid"

    @classmethod
    def about(cls, name: str, what: str) -> TensorError:
        """Make the error of one input tensor."""
        return cls(f"input {name[:_SHOWN]!r} {what}")


def message(problem: Problem) -> str:
    """Put a problem into the one sentence this protocol has room for."""
    if isinstance(problem, InvalidInput) and problem.cells:
        return "; ".join(str(cell) for cell in problem.cells)
    return problem.detail
