"""`cotpress ls`: what there is, read from the files without importing them."""

import msgspec

from cotpress import plugins


def ls(*, json: bool = False) -> None:
    """List the tasks, models, scorers, graders, units, formats and methods there are, with one line
    each; those of installed packages, too.

    Example: cotpress ls

    Parameters
    ----------
    json
        Print them as JSON.
    """
    found = {
        kind: plugins.available(folder) | plugins.brought(folder)
        for kind, folder in plugins.KINDS.items()
    }
    found["methods"] = plugins.available("walks")
    if json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    width = max(len(name) for names in found.values() for name in names)
    for kind, names in found.items():
        print(kind)
        for name, line in names.items():
            print(f"  {name:{width}}  {line}".rstrip())
