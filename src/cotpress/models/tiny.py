"""The bundled model: 0.76 M parameters, trained on the `arithmetic` task by recipes/tiny.sh.

It lets the whole walk run on a laptop in minutes, without a download. It knows only that
task.
"""

from cotpress.models import _bundled, hf


def load(target: str = "") -> hf.HFModel:
    """The bundled model; it takes no target."""
    return _bundled.load("tiny", target)
