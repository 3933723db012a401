from cotpress.errors import CotpressError as CotpressError
from cotpress.evaluation.evaluate import Plan as Plan
from cotpress.evaluation.evaluate import evaluate as evaluate
from cotpress.evaluation.plan import Wish as Wish
from cotpress.evaluation.plan import plan as plan
from cotpress.evaluation.rows import rows as rows
from cotpress.latent.folder import load as load_vqvae
from cotpress.latent.mix import Plan as MixPlan
from cotpress.latent.mixing import mix as mix
from cotpress.latent.options import FitOptions as VqvaeOptions
from cotpress.latent.options import Shape as VqvaeShape
from cotpress.latent.train import train_vqvae as train_vqvae
from cotpress.lm.conclusions import conclusions as conclusions
from cotpress.models import Sampling as Sampling
from cotpress.models import load as load_model
from cotpress.pipeline.average import Averages as Averages
from cotpress.pipeline.average import average as average
from cotpress.pipeline.average import averages as averages
from cotpress.pipeline.build import build as build
from cotpress.pipeline.build import pretokenized_rows as pretokenized_rows
from cotpress.pipeline.build import tokenize_example as tokenize_example
from cotpress.pipeline.build import trl_rows as trl_rows
from cotpress.pipeline.compress import compress as compress
from cotpress.pipeline.conclude import conclude as conclude
from cotpress.pipeline.generate import generate as generate
from cotpress.pipeline.grade import grade as grade
from cotpress.pipeline.importing import Columns as Columns
from cotpress.pipeline.importing import import_traces as import_traces
from cotpress.pipeline.segmenting import Rules as Rules
from cotpress.pipeline.select import select as select
from cotpress.pipeline.verify import verify as verify
from cotpress.records import Asked as Asked
from cotpress.records import CompressedTrace as CompressedTrace
from cotpress.records import Cut as Cut
from cotpress.records import EvalRow as EvalRow
from cotpress.records import Grade as Grade
from cotpress.records import Problem as Problem
from cotpress.records import ScoredTrace as ScoredTrace
from cotpress.records import Setting as Setting
from cotpress.records import Trace as Trace
from cotpress.records import TrainingExample as TrainingExample
from cotpress.report.page import Origin as Origin
from cotpress.report.page import as_html as as_html
from cotpress.report.page import as_json as as_json
from cotpress.report.page import as_markdown as as_markdown
from cotpress.report.page import make_report as make_report
from cotpress.scorers import load as load_scorer
from cotpress.scorers import score as score
from cotpress.serving.export import export as export
from cotpress.storage import read as read
from cotpress.storage import write as write
from cotpress.tasks import load as load_task
from cotpress.training.formats.axolotl import axolotl_rows as axolotl_rows
from cotpress.training.formats.llamafactory import llamafactory_rows as llamafactory_rows
from cotpress.training.lessons import from_cuts as lessons_from_cuts
from cotpress.training.lessons import from_scores as lessons_from_scores
from cotpress.training.options import TrainOptions as TrainOptions
from cotpress.training.scorer import train_scorer as train_scorer
from cotpress.training.scorer_options import ScorerOptions as ScorerOptions
from cotpress.training.sft import train as train

__version__: str

__all__ = [
    "MixPlan",
    "VqvaeOptions",
    "VqvaeShape",
    "lessons_from_cuts",
    "lessons_from_scores",
    "load_model",
    "load_scorer",
    "load_task",
    "load_vqvae",
]
