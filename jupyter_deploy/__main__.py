"""``python -m jupyter_deploy`` is ``jupyter model-deploy``."""

import sys

from jupyter_deploy.cli import main

sys.exit(main())
