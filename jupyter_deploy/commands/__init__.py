"""The one grammar of magic and command line, and what its commands do.

::

    line.py        a magic's line, split into words
    grammar.py     words → a typed Command (nouns.py), by the table of verbs.py and what the
                   verbs take (arguments.py, validate.py)
    namespace.py   operands in a notebook: expressions, ONNX files
    files.py       operands in a shell: modules, files, JSON
    run.py         Command → Result
    results.py     Result → JSON, text (texts.py, remarks.py, snippets.py)

A face splits its input, calls :func:`~jupyter_deploy.commands.grammar.parse` and
:func:`~jupyter_deploy.commands.run.run`, and shows the result. Nothing here is heavy to import.
"""
