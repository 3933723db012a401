"""The side of vLLM in row_prompt_logprobs.py: scores prompts through `prompt_logprobs` each time that
it is told to. It runs in an interpreter that has vLLM, and knows nothing of cotpress.

    python benchmarks/vllm_prompt_logprobs.py FOLDER [--torch-linear]

Lines of JSON on stdin and stdout. The first one in is a list of prompts as token ids, and is answered
with `null` once the engine stands. Every other line in has all prompts scored, and is answered with
the seconds of CPU time that this took and the log-probabilities of every prompt, those of its first
token aside, which has none. What vLLM says itself goes to stderr. On a CPU vLLM multiplies by oneDNN
with weights packed once; with `--torch-linear` as torch does, so that engines can be told from
products.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence

import vllm
from vllm import _custom_ops


def scored(engine: vllm.LLM, prompts: Sequence[list[int]]) -> list[list[float]]:
    """Log-probabilities of every prompt from its second token on, in nats; the one token that the
    engine must add is thrown away.
    """
    answers = engine.generate(
        [{"prompt_token_ids": ids} for ids in prompts],
        vllm.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False),
        use_tqdm=False,
    )
    return [
        [
            given[token].logprob
            for token, given in zip(ids[1:], one.prompt_logprobs[1:], strict=True)
        ]
        for ids, one in zip(prompts, answers, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--torch-linear", action="store_true")
    asked = parser.parse_args()
    if asked.torch_linear:
        _custom_ops._supports_onednn = False
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        prompts = json.loads(sys.stdin.readline())
        engine = vllm.LLM(
            asked.folder,
            dtype="float32",
            enforce_eager=True,
            enable_prefix_caching=False,
            max_model_len=max(map(len, prompts)) + 1,
        )
        print("null", file=out, flush=True)
        for _ in sys.stdin:
            began = time.process_time()
            found = scored(engine, prompts)
            print(json.dumps([time.process_time() - began, found]), file=out, flush=True)


if __name__ == "__main__":
    main()
