"""`cotpress ls`: what there is, read from the files without importing them."""

import msgspec

from cotpress import plugins


def ls(*, json: bool = False) -> None:
    """List the tasks, models, scorers, graders, units, formats and methods there are, with one line
    each.

    Example: cotpress ls

    Parameters
    ----------
    json
        Print them as JSON.
    """
    found = {kind: plugins.available(kind) for kind in ("tasks", "models", "scorers", "rewards")}
    found["graders"] = plugins.available("grading")
    found["units"] = plugins.available("pipeline/units")
    found["formats"] = plugins.available("training/formats")
    found["methods"] = plugins.available("walks")
    if json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    width = max(len(name) for names in found.values() for name in names)
    for kind, names in found.items():
        print(kind)
        for name, line in names.items():
            print(f"  {name:{width}}  {line}".rstrip())
