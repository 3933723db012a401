"""What the continuous integration runs on the wheel with its core alone also passes here, so that a
change of the files' format is seen before that.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "core_only.sh"

BIN = Path(sys.executable).parent


@pytest.mark.skipif(not (BIN / "cotpress").exists(), reason="the command is not installed")
def test_the_walk_of_the_core_reads_its_files():
    walk = subprocess.run(["bash", SCRIPT, BIN], capture_output=True, text=True)
    assert walk.returncode == 0, walk.stderr
    assert walk.stdout.endswith("core only: passed\n")
