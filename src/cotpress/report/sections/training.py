"""The curve of the loss of every model that was trained."""

from cotpress.report.plotting import COLOURS, HEIGHT, Figure, axis, layout
from cotpress.report.sections import Drawn, Part, Section
from cotpress.report.told import Report, Training

PLACE = 60

CAPTION = (
    "Mean loss over the completion tokens of each logged step, in nats; dots: on the problems that "
    "were held out, where there are any."
)


def section(told: Report) -> Section | None:
    """One figure; None where no curve stands beside a model."""
    found = [one for one in told.trainings if one.points]
    if not found:
        return None
    drawn = Drawn("training-loss", "Loss in training", CAPTION, _alt(found), _figure(found))
    data = [
        {"model": one.model, "step": x, "loss": y, "eval_loss": held}
        for one in found
        for x, y, held in one.points
    ]
    return Section("training", "How training went", (Part(figures=(drawn,)),), data)


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
    last = max(x for curve in curves for x in curve["x"])
    top = max(y for curve in curves for y in curve["y"])
    return {
        "data": curves,
        "layout": layout(
            height=HEIGHT,
            xaxis=axis("step", [0, last]),
            yaxis=axis("loss, nats", [0, 1.05 * top]),
            showlegend=len(curves) > 1,
        ),
    }


def _alt(found: list[Training]) -> str:
    said = []
    for one in found:
        losses = [y for _, y, _ in one.points if y is not None]
        if losses:
            said.append(f"{one.model}: from {losses[0]:.3f} to {losses[-1]:.3f}")
    return f"Loss against step. {'; '.join(said)}."
