"""The bundled model: 0.76 M parameters, trained on the `arithmetic` task by recipes/tiny.sh.

It lets the whole walk run on a laptop in minutes, without a download. It knows nothing but that
task.
"""

from cotpress.errors import CotpressError
from cotpress.models import hf
from cotpress.plugins import PACKAGE

FOLDER = PACKAGE / "assets" / "tiny"


def load(target: str = "") -> hf.HFModel:
    """The bundled model; it takes no target."""
    if target:
        raise CotpressError(
            f"model tiny takes no target: write tiny, or hf:{target} for a folder or hub id."
        )
    if not (FOLDER / "config.json").is_file():
        raise CotpressError(
            f"the bundled model is missing from {FOLDER}: run "
            "recipes/tiny.sh, or reinstall cotpress."
        )
    model = hf.load(str(FOLDER), device="cpu")
    model.name = "tiny"
    return model
