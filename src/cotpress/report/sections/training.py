"""How every judged model was trained: the curve of its loss, or what rewards did to its answers."""

import msgspec

from cotpress.report.plotting import COLOURS, HEIGHT, Figure, axis, layout
from cotpress.report.sections import Drawn, Part, Section
from cotpress.report.told import Report, Training

PLACE = 60

CAPTION = (
    "Mean loss over the completion tokens of each logged step, in nats; dots: on the problems that "
    "were held out, where there are any."
)


REWARDED = (
    "Mean over the answers of each step: the share that is right, and what each reward was worth. "
    "Answers are sampled, of training problems."
)
LENGTHS = "Mean reasoning tokens of the sampled answers of each step."


def section(told: Report) -> Section | None:
    """The losses in one figure, and what rewards did in two; None where no curve stands beside a
    model.
    """
    found = [one for one in told.trainings if one.points]
    rewarded = [one for one in told.trainings if one.rewards]
    drawn: list[Drawn] = []
    if found:
        alt = _alt(found)
        drawn.append(Drawn("training-loss", "Loss in training", CAPTION, alt, _figure(found)))
    if rewarded:
        alt = _alt_rewarded(rewarded)
        worth, lengths = _worth(rewarded), _lengths(rewarded)
        drawn.append(Drawn("training-rewards", "Rewards in training", REWARDED, alt, worth))
        drawn.append(Drawn("training-tokens", "Length in training", LENGTHS, alt, lengths))
    if not drawn:
        return None
    data = [
        {"model": one.model, "step": x, "loss": y, "eval_loss": held}
        for one in found
        for x, y, held in one.points
    ]
    data += [
        {"model": one.model, **msgspec.to_builtins(point)}
        for one in rewarded
        for point in one.rewards
    ]
    return Section("training", "How training went", (Part(figures=tuple(drawn)),), data)


def _worth(found: list[Training]) -> Figure:
    curves: list[Figure] = []
    for n, one in enumerate(found):
        of = f"{one.model}: " if len(found) > 1 else ""
        parts = {"right": [point.accuracy for point in one.rewards]}
        for name in one.rewards[0].rewards:
            parts[name] = [point.rewards[name] for point in one.rewards]
        for k, (name, values) in enumerate(parts.items()):
            line = {"color": COLOURS[(n + k) % len(COLOURS)], "dash": "dot" if k else "solid"}
            curves.append(_line(f"{of}{name}", one, values, line))
    low = min(0.0, *(y for curve in curves for y in curve["y"]))
    high = max(1.0, *(y for curve in curves for y in curve["y"]))
    return _drawn(curves, "mean per answer", [1.05 * low, 1.05 * high])


def _lengths(found: list[Training]) -> Figure:
    curves = [
        _line(
            one.model,
            one,
            [point.tokens for point in one.rewards],
            {"color": COLOURS[n % len(COLOURS)]},
        )
        for n, one in enumerate(found)
    ]
    highest = max(y for curve in curves for y in curve["y"])
    return _drawn(curves, "reasoning tokens", [0, 1.05 * highest])


def _line(name: str, one: Training, values: list[float], line: Figure) -> Figure:
    steps = [point.step for point in one.rewards]
    return {
        "name": name,
        "type": "scatter",
        "mode": "lines",
        "x": steps,
        "y": values,
        "line": line,
    }


def _drawn(curves: list[Figure], title: str, between: list[float]) -> Figure:
    last = max(x for curve in curves for x in curve["x"])
    return {
        "data": curves,
        "layout": layout(
            height=HEIGHT,
            xaxis=axis("step", [0, last]),
            yaxis=axis(title, between),
            showlegend=len(curves) > 1,
        ),
    }


def _alt_rewarded(found: list[Training]) -> str:
    said = [
        f"{one.model}: from {100 * one.rewards[0].accuracy:.0f} to "
        f"{100 * one.rewards[-1].accuracy:.0f} % right, from {one.rewards[0].tokens:.0f} to "
        f"{one.rewards[-1].tokens:.0f} reasoning tokens"
        for one in found
    ]
    return f"Sampled answers against step. {'; '.join(said)}."


def _figure(found: list[Training]) -> Figure:
    curves: list[Figure] = []
    for n, one in enumerate(found):
        style = {"name": one.model, "type": "scatter"}
        colour = {"color": COLOURS[n % len(COLOURS)]}
        loss = [(x, y) for x, y, _ in one.points if y is not None]
        held = [(x, y) for x, _, y in one.points if y is not None]
        for points, more in (
            (loss, {"mode": "lines", "line": colour}),
            (held, {"mode": "markers", "marker": colour, "name": f"{one.model}, held out"}),
        ):
            if points:
                xs, ys = map(list, zip(*points, strict=True))
                curves.append({**style, "x": xs, "y": ys, **more})
    top = max(y for curve in curves for y in curve["y"])
    return _drawn(curves, "loss, nats", [0, 1.05 * top])


def _alt(found: list[Training]) -> str:
    said = []
    for one in found:
        losses = [y for _, y, _ in one.points if y is not None]
        if losses:
            said.append(f"{one.model}: from {losses[0]:.3f} to {losses[-1]:.3f}")
    return f"Loss against step. {'; '.join(said)}."
