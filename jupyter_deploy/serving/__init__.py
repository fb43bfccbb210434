"""The runtime that is copied into every Bento as the package ``model_runtime``.

It imports nothing of jupyter_deploy, so that a Bento runs where jupyter_deploy is not installed.

service    the Bento's entry: what the generated ``service.py`` calls; the one file that leans on
           BentoML's internals
runtime    a loaded model: request body in, answer out
packed     the files of a packed model
signature  what a model takes and answers; ``policies``: the checks there are
inputs/    bodies and arrays of a request, checked, to what an engine takes. ``decode`` is the way
           in; ``matrix``, ``blocks`` and ``arrays`` are fast, ``documents`` is thorough
engines/   ONNX Runtime and native models
http/      the ASGI function that answers in front of BentoML (``lane``), its routes
           (``endpoints``), MLflow's protocol, the OpenAPI document, metrics
oip/       the Open Inference Protocol, version 2
problems   every error an endpoint answers with
threads    how many of them libraries may start; ``trace``: the caller's trace

Nothing is imported here: packaging reads :mod:`.signature` and must not pay for the rest.
"""
