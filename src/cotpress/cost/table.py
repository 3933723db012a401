"""An estimate as text."""

from collections.abc import Sequence

from cotpress.cost.estimate import Line

GIB = 2**30


def amount(count: float) -> str:
    """12,345,678 as 12 M."""
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}" if count else ""


def size(count: float) -> str:
    """Bytes for a person."""
    if not count:
        return ""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"


def duration(seconds: float | None) -> str:
    """Seconds for a person."""
    if seconds is None:
        return "not known"
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds >= 0.05 else "0 s"


HEAD = ("step", "what", "model", "tokens", "time", "memory", "disk")


def cells(line: Line) -> tuple[str, ...]:
    """One line of the table."""
    return (
        line.verb,
        line.what,
        line.model,
        amount(line.tokens),
        duration(line.seconds),
        size(line.memory),
        size(line.disk),
    )


def total(lines: Sequence[Line]) -> Line:
    """All steps: times and disk add up, the largest memory counts."""
    without = ", ".join(dict.fromkeys(line.verb for line in lines if line.seconds is None))
    return Line(
        "all",
        f"without {without}" if without else "",
        "",
        0.0,
        sum(line.seconds or 0.0 for line in lines),
        max((line.memory for line in lines), default=0.0),
        sum(line.disk for line in lines),
    )
