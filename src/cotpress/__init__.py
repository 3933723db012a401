"""Teach a language model to reason in fewer tokens, and see what it costs in accuracy.

As a library: the records, and every stage as a function from an iterable of records to an iterator
of records. Nothing is imported before it is used: `import cotpress` takes no time and needs no
extra. What each name is, `__init__.pyi` says.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_OFFERED = {
    "errors": "CotpressError",
    "records": "Problem Asked Trace Grade ScoredTrace CompressedTrace Cut "
    "TrainingExample EvalRow Setting",
    "storage": "read write",
    "tasks": "load_task=load",
    "models": "load_model=load Sampling",
    "scorers": "load_scorer=load score",
    "pipeline.generate": "generate",
    "pipeline.importing": "import_traces Columns",
    "pipeline.grade": "grade",
    "pipeline.select": "select",
    "pipeline.segmenting": "Rules",
    "pipeline.average": "Averages averages average",
    "pipeline.compress": "compress",
    "pipeline.verify": "verify",
    "pipeline.conclude": "conclude",
    "lm.conclusions": "conclusions",
    "latent.options": "VqvaeShape=Shape VqvaeOptions=FitOptions",
    "latent.train": "train_vqvae",
    "latent.folder": "load_vqvae=load",
    "latent.mix": "MixPlan=Plan",
    "latent.mixing": "mix",
    "pipeline.build": "build tokenize_example trl_rows pretokenized_rows",
    "training.formats.llamafactory": "llamafactory_rows",
    "training.formats.axolotl": "axolotl_rows",
    "training.options": "TrainOptions",
    "training.sft": "train",
    "training.scorer_options": "ScorerOptions",
    "training.lessons": "lessons_from_scores=from_scores lessons_from_cuts=from_cuts",
    "training.scorer": "train_scorer",
    "evaluation.evaluate": "Plan evaluate",
    "evaluation.rows": "rows",
    "evaluation.plan": "plan Wish",
    "report.page": "make_report Origin as_html as_json as_markdown",
    "serving.export": "export",
}
"""Module and what is offered of it; `a=b`: as `a`, where `b`
is too short a name outside of the module.
"""

_HOME = {
    name: (module, own or name)
    for module, names in _OFFERED.items()
    for name, _, own in (each.partition("=") for each in names.split())
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cotpress' has no attribute {name!r}")
    module, own = _HOME[name]
    return getattr(import_module(f"cotpress.{module}"), own)


def __dir__() -> list[str]:
    return sorted(__all__)
