"""Models that lie in the package: what they share is how they are found and loaded."""

from cotpress.errors import CotpressError
from cotpress.models import hf
from cotpress.plugins import PACKAGE


def load(name: str, target: str) -> hf.HFModel:
    """The bundled model of that name, on the CPU; it takes no target."""
    folder = PACKAGE / "assets" / name
    if target:
        raise CotpressError(
            f"model {name} takes no target: write {name}, or hf:{target} for a folder or hub id."
        )
    if not (folder / "config.json").is_file():
        raise CotpressError(
            f"the bundled model is missing from {folder}: run recipes/{name}.sh, or reinstall "
            "cotpress."
        )
    model = hf.load(str(folder), device="cpu")
    model.name = name
    return model
