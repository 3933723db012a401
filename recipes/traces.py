"""How recipes/traces.jsonl was made: answers of the bundled model to 200 problems of its task, as
chats with `<think>` marks and the reference answer beside them, the layout that most people have.

python recipes/traces.py recipes/traces.jsonl
"""

import json
import sys
from pathlib import Path

from cotpress.models import Sampling, load
from cotpress.pipeline.generate import generate
from cotpress.tasks import load as load_task
from cotpress.tasks import take

N, SKIP = 200, 50_000
"""Problems, behind those that the model was trained on."""

problems = take(load_task("arithmetic"), "train", N, SKIP)
with Path(sys.argv[1]).open("w", encoding="utf-8") as file:
    for trace in generate(problems, load("tiny"), Sampling(max_tokens=512)):
        said = f"<think>\n{trace.reasoning}\n</think>\n\n{trace.conclusion}"
        messages = [
            {"role": "user", "content": trace.problem.asked},
            {"role": "assistant", "content": said},
        ]
        file.write(json.dumps({"messages": messages, "answer": trace.problem.answer}) + "\n")
