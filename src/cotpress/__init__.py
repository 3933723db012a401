"""Teach a language model to reason in fewer tokens, and see what it costs in accuracy.

As a library: the records, and every stage as a function from an iterable of records to an iterator of records. Nothing is
imported before it is used: `import cotpress` takes no time and needs no extra. What each name is, `__init__.pyi` says.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_OFFERED = {
    "errors": "CotpressError",
    "records": "Problem Trace Grade ScoredTrace CompressedTrace TrainingExample EvalRow",
    "storage": "read write",
    "tasks": "load_task",
    "models": "load_model Sampling",
    "scorers": "load_scorer score",
    "pipeline.generate": "generate",
    "pipeline.importing": "import_traces Columns",
    "pipeline.grade": "grade",
    "pipeline.compress": "compress",
    "pipeline.build": "build tokenize_example trl_rows pretokenized_rows",
    "pipeline.trainers": "llamafactory_rows axolotl_rows",
    "pipeline._train_options": "TrainOptions",
    "pipeline.train": "train",
    "pipeline.evaluate": "Plan evaluate rows",
    "pipeline.export": "export",
}
"""Module and what is offered of it; `load_x` is the module's `load`."""

_HOME = {name: module for module, names in _OFFERED.items() for name in names.split()}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cotpress' has no attribute {name!r}")
    return getattr(import_module(f"cotpress.{_HOME[name]}"), "load" if name.startswith("load_") else name)


def __dir__() -> list[str]:
    return sorted(__all__)
