"""What the columns of known data sets are called, the likelier name first. Capitals, `_`, `-` and
blanks make no difference; what a column holds decides (columns.py).
"""

import re
from functools import lru_cache
from typing import NamedTuple


class Known(NamedTuple):
    """The names of one kind of column, and a pattern for those that cannot be listed."""

    names: tuple[str, ...]
    pattern: re.Pattern[str] | None = None


@lru_cache(4096)
def plain(name: str) -> str:
    """A name without what makes no difference."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _known(names: str, pattern: str = "") -> Known:
    return Known(
        tuple(map(plain, names.split())), re.compile(pattern, re.IGNORECASE) if pattern else None
    )


QUESTION = _known(
    "question problem prompt query instruction user_prompt user_message problem_statement "
    "problem_text question_text input"
)
REASONING = _known(
    "reasoning cot thinking long_res reasoning_content rationale deepseek_reasoning "
    "deepseek_thinking_trajectory complex_cot thinking_trajectories thinking_trajectory "
    "chain_of_thought reasoning_trace reasoning_text thoughts thought think_content",
    r"(?:^|.*[_\-\s./])(?:reasoning|reasoning_content|thinking|thoughts?|cot|chain_of_thought|"
    r"thinking_trajector(?:y|ies)|reasoning_traces?)$",
)
CONCLUSION = _known(
    "conclusion content response deepseek_solution deepseek_attempt attempt answer_content "
    "final_response final",
    r".*[_\-\s](?:attempt|solution|response|conclusion|answer|output)$",
)
"""Beside a reasoning column; one of the same family (`gemini_…`) wins."""
COMPLETION = _known(
    "generations generation completions completion responses response output outputs "
    "generated_solution generated_text model_output reannotated_assistant_content llm_response "
    "model_response choices",
    r"(?:^|.*[_\-\s/])(?:responses?|generations?|completions?|assistant_content|rollouts?)$"
    r"|^(?:deepseek|r1|qwen|gpt|llm|model|assistant|teacher)[\w.-]*_"
    r"(?:outputs?|solutions?|answers?|texts?)$",
)
NUMBERED = re.compile(
    r"(.*?(?:solution|response|generation|completion|output|rollout|sample|trace|attempt))"
    r"[\s_-]?\d{1,3}",
    re.IGNORECASE,
)
"""One sample in each of several columns: `r1_solution_1`, `r1_solution_2` …"""
MESSAGES = _known("messages conversations conversation dialogue dialog chat turns")
SYSTEM = _known("system system_prompt system_message")
LATE = ("user", "analysis", "final")
"""Question, reasoning and conclusion of rows that mostly have messages too, which say more."""

SOLUTION = _known("solution")
WORKED = _known(
    "solution ground_truth_solution gold_standard_solution gold_solution reference_solution"
)
"""Worked solutions, whose answer is read where no other reference stands."""
ANSWER = _known(
    "final_answer expected_answer gold gold_answer reference_answer ground_truth answer target"
)
NESTED = (
    "verification_info.ground_truth",
    "reward_model.ground_truth",
    "metadata.expected_answer",
    "metadata.reference_answer",
    "metadata.ground_truth",
    "metadata.answer",
    "extra_info.answer",
    "messages.0.info.reference_answer",
    "messages.-1.info.reference_answer",
    "messages.-2.info.reference_answer",
)
"""References inside of other columns, JSON text or not."""

VERDICT = _known(
    "correctness_math_verify correctness_llama correctness verified deepseek_grade is_correct "
    "correct is_right passed reward rewards score verdict grade solution_is_valid",
    r".*_(?:grade|reward|rewards|correct|verified)$",
)
FINISH = _known("finish_reasons finish_reason stop_reason is_reasoning_complete is_finished")
SWITCH = _known("reasoning thinking enable_thinking think reasoning_mode detailed_thinking")
"""Whether the row was made with reasoning at all."""
MODE = _known("inference_mode")
"""OpenMathReasoning: `cot`, or what is not the reasoning of one solution."""
