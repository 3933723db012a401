#!/usr/bin/env bash
# Makes the bundled model `tiny` (src/cotpress/assets/tiny): 0.76 M parameters, about 15 minutes on two CPU cores.
set -euo pipefail
python "$(dirname "$0")/tiny.py" --out "${OUT:-src/cotpress/assets/tiny}"
