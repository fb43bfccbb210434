"""Print one of the README's shell blocks: the one after the comment ``<!-- ci: NAME -->``.

So that CI runs what a reader pastes, and not a copy of it.
"""

import re
import sys
from pathlib import Path

name = sys.argv[1]
readme = (Path(__file__).parents[1] / "README.md").read_text()
blocks = re.findall(
    rf"<!-- ci: {re.escape(name)} -->\s*```(?:bash|sh)\n(.*?)```", readme, re.DOTALL
)
if len(blocks) != 1:
    sys.exit(f"README.md has {len(blocks)} blocks named {name!r}, expected one")
print(blocks[0].strip())
