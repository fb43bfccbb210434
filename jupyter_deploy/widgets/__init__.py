"""What faces show in a notebook: HTML that reads the same in a saved notebook, with no script.

::

    style.py      colours of JupyterLab's theme, with fallbacks for elsewhere
    progress.py   a bar per stage            card.py     what a deploy ends in
    tables.py     lists and details          signature.py  what a version takes and answers
    render.py     Result → HTML
    live.py       one output, updated while a deploy goes on

Every HTML form has its plain-text twin in :mod:`jupyter_deploy.commands.texts`.
"""
