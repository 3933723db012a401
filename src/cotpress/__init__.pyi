from cotpress.errors import CotpressError as CotpressError
from cotpress.models import Sampling as Sampling
from cotpress.models import load as load_model
from cotpress.pipeline._train_options import TrainOptions as TrainOptions
from cotpress.pipeline.build import build as build
from cotpress.pipeline.build import pretokenized_rows as pretokenized_rows
from cotpress.pipeline.build import tokenize_example as tokenize_example
from cotpress.pipeline.build import trl_rows as trl_rows
from cotpress.pipeline.compress import compress as compress
from cotpress.pipeline.evaluate import Plan as Plan
from cotpress.pipeline.evaluate import evaluate as evaluate
from cotpress.pipeline.evaluate import rows as rows
from cotpress.pipeline.export import export as export
from cotpress.pipeline.generate import generate as generate
from cotpress.pipeline.grade import grade as grade
from cotpress.pipeline.importing import Columns as Columns
from cotpress.pipeline.importing import import_traces as import_traces
from cotpress.pipeline.train import train as train
from cotpress.pipeline.trainers import axolotl_rows as axolotl_rows
from cotpress.pipeline.trainers import llamafactory_rows as llamafactory_rows
from cotpress.records import CompressedTrace as CompressedTrace
from cotpress.records import EvalRow as EvalRow
from cotpress.records import Grade as Grade
from cotpress.records import Problem as Problem
from cotpress.records import ScoredTrace as ScoredTrace
from cotpress.records import Trace as Trace
from cotpress.records import TrainingExample as TrainingExample
from cotpress.scorers import load as load_scorer
from cotpress.scorers import score as score
from cotpress.storage import read as read
from cotpress.storage import write as write
from cotpress.tasks import load as load_task

__version__: str

__all__ = ["load_model", "load_scorer", "load_task"]
