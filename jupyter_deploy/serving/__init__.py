"""The runtime that is copied into every Bento as the package ``model_runtime``.

It imports nothing of jupyter_deploy, so that a Bento runs where jupyter_deploy is not installed.

service    the Bento's entry: what the generated ``service.py`` calls; the one file that leans on
           BentoML's internals
lane       the ASGI function that answers predictions in front of BentoML
oip        the Open Inference Protocol, version 2
pace       which longer bodies are answered on the event loop
runtime    a loaded model: request body in, answer out
packed     the files of a packed model
decode     requests to what a model takes: matrix, blocks (of groups) and arrays are the fast ways
documents  the same cell by cell, to do what the policies say and to name what is wrong
           rules   policies compiled       values   one column       cells   words for values
           moments dates and times         policies the checks there are
engines    ONNX Runtime and native models
blame      which values of a request made the model raise
metrics    what Prometheus reads
problems   every error an endpoint answers with

Nothing is imported here: packaging reads :mod:`.signature` and must not pay for the rest.
"""
