"""What one evaluated setting is: the only key by which an evaluation
groups its traces, from the arms to the report.
"""

from cotpress.methods import ORIGINAL, method
from cotpress.records import NOTHING, EvalRow, Setting, Trace


def setting_of(one: Trace | EvalRow) -> Setting:
    """The setting of a trace or of a row."""
    if isinstance(one, EvalRow):
        return one.setting
    return Setting(
        model=one.model,
        method=one.method,
        asked=one.asked,
        latents=one.latents,
        blend=one.blend,
    )


def is_reference(setting: Setting) -> bool:
    """Whether this is what the others are measured against: the
    untouched model, asked for nothing but the answer.
    """
    return (setting.method, setting.asked, setting.latents) == (ORIGINAL, NOTHING, None)


def order(setting: Setting, scorer: str = "") -> tuple[int, str, str, str, bool, float, int, float]:
    """Where it stands in a report: original, methods, what they are compared with; each by falling
    ratio, and then by falling budget.
    """
    kind = method(setting.method).kind
    rank = 0 if kind == "original" else 1 if kind == "taught" else 2
    asked = setting.asked
    falling = -2.0 if asked.ratio is None else -asked.ratio
    if asked.budget is not None:
        falling = -float(asked.budget)
    return (
        rank,
        setting.method,
        scorer,
        setting.model,
        asked.budget is not None,
        falling,
        -1 if setting.latents is None else setting.latents,
        -1.0 if setting.blend is None else -setting.blend,
    )
