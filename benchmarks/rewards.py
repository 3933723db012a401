"""The log of a training by rewards, drawn: accuracy, length, share cut off and each reward over steps.

python benchmarks/rewards.py RUN [RUN …] --out FILE.html     RUN: a folder of `train --stage grpo`
"""

import argparse
import json
from pathlib import Path

from plotly.subplots import make_subplots

from cotpress.report.plotting import COLOURS, SANS

SHOWN = {"accuracy": "right", "tokens": "reasoning tokens", "cut_off": "cut off"}
SHOWN |= {"no_variance": "problems without variance"}


def draw(runs: list[Path], out: Path) -> None:
    logs = {run.name: [json.loads(one) for one in (run / "train_log.jsonl").open()] for run in runs}
    names = sorted({name for log in logs.values() for name in log[0]["rewards"]})
    titles = [*SHOWN.values(), *(f"reward {name}" for name in names)]
    page = make_subplots(rows=len(titles), cols=1, shared_xaxes=True, subplot_titles=titles)
    for (run, log), colour in zip(logs.items(), COLOURS, strict=False):
        steps = [one["step"] for one in log]
        series = [[one[field] for one in log] for field in SHOWN]
        series += [[one["rewards"].get(name) for one in log] for name in names]
        for row, values in enumerate(series, 1):
            line = {"color": colour}
            shown = row == 1
            page.add_scatter(
                x=steps, y=values, name=run, line=line, showlegend=shown, row=row, col=1
            )
    page.update_layout(template="plotly_white", font={"family": SANS}, height=200 * len(titles))
    page.write_html(out, config={"displayModeBar": False})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    draw(given.runs, given.out)


if __name__ == "__main__":
    main()
