"""inspect-ai: `inspect eval cotpress/problems -T task=gsm8k -T ratio=0.5 --model …`.

The ratio, or `-T budget=256` for a model that was taught budgets, is in the user turn and works
with every provider. For an exported model, leave out `-T ratio` and send it to the template
instead: `--extra-body '{"chat_template_kwargs": {"compression_ratio": 0.5}}'`. Never both.
"""

from functools import partial

import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ContentReasoning, GenerateConfig, ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, accuracy, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

from cotpress import harness, tasks
from cotpress.lm.chat import ChatMessage, text_of


@task  # type: ignore[untyped-decorator]  # inspect-ai is not there when types are checked
def problems(
    task: str = "arithmetic",
    split: str = "test",
    limit: int | None = None,
    ratio: float | None = None,
    budget: int | None = None,
    max_tokens: int | None = None,
) -> Task:
    """The problems of a cotpress task, asked at a ratio or budget, greedily; an answer may take
    `max_tokens`, by default as many as in `cotpress eval`.
    """
    most = tasks.load(task).max_tokens if max_tokens is None else max_tokens
    rows = harness.problems(task, split, limit)
    samples = [
        Sample(
            id=row["id"],
            input=harness.prompt(row, ratio, budget),
            target=row["answer"],
            metadata=dict(row),
        )
        for row in rows
    ]
    return Task(
        dataset=MemoryDataset(samples, name=task),
        solver=generate(),
        scorer=graded(task),
        config=GenerateConfig(temperature=0.0, max_tokens=most),
    )


@scorer(metrics={"correct": [accuracy(), stderr()], "tokens": [mean(), stderr()]})  # type: ignore[untyped-decorator]
def graded(task: str) -> Scorer:
    """Is the answer right, as `cotpress grade` judges it; and how many
    tokens the provider counted for the whole answer.
    """
    # once, not for every answer
    asked = tasks.load(task)

    async def score(state: TaskState, target: Target) -> Score:
        judge = partial(
            harness.graded,
            state.metadata,
            asked,
            said(state.output),
            finished=state.output.stop_reason == "stop",
        )
        trace = await anyio.to_thread.run_sync(judge)
        found, tokens = trace.grade, state.output.usage.output_tokens if state.output.usage else 0
        return Score(
            value={"correct": float(found is not None and found.correct), "tokens": tokens},
            answer=found.answer if found else None,
            explanation=found.status if found else None,
            metadata={"reasoning": trace.reasoning, "conclusion": trace.conclusion},
        )

    return score


def said(output: ModelOutput) -> str:
    """The whole turn, with `<think>` around the reasoning that inspect took out."""
    content = output.message.content if output.choices else ""
    if isinstance(content, str):
        return content
    reasoning = "".join(part.reasoning for part in content if isinstance(part, ContentReasoning))
    return text_of(
        ChatMessage(
            content="".join(part.text for part in content if part.type == "text"),
            reasoning=reasoning,
        )
    )
