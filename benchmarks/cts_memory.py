"""Memory that scoring one long trace takes above the loaded weights (Linux). The floor is 700 MB at
16,000 tokens.

    python benchmarks/cts_memory.py [--scorer cts:smollm2] [--tokens 16000]

The usual loop would hold `tokens x vocabulary` logits several times: 3.1 GB each at 16,000 tokens
and 49,152 words. The peak is the process's own high-water mark, set back after a short trace has
loaded the weights and warmed the libraries up.
"""

import argparse
import re
import time
from pathlib import Path

from cotpress import scorers
from cotpress.records import Problem, Trace
from cotpress.scorers import Importance

SENTENCE = (
    "Natalia sold 48/2 = 24 clips in May, and 48+24 = 72 clips altogether in April and May.\n"
)
TOKENS_PER_SENTENCE = 34


def megabytes(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def trace(n_sentences: int) -> Trace:
    problem = Problem(
        id="1", question="How many clips did Natalia sell altogether?", answer="72", task="t"
    )
    return Trace(
        problem=problem,
        model="m",
        reasoning=SENTENCE * n_sentences,
        conclusion="The final answer is 72.",
        n_tokens=0,
        n_conclusion_tokens=0,
        finished=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scorer", default="cts:smollm2")
    parser.add_argument("--tokens", type=int, default=16000)
    options = parser.parse_args()
    scorer = scorers.load(options.scorer)
    list(scorer.score([trace(2)]))
    before = megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    began = time.perf_counter()
    (result,) = scorer.score([trace(-(-options.tokens // TOKENS_PER_SENTENCE))])
    assert isinstance(result, Importance)
    print(f"{options.scorer}: {len(result.values)} tokens in {time.perf_counter() - began:.0f} s")
    print(
        f"loaded {before:.0f} MB, peak {megabytes('VmHWM'):.0f} MB, "
        f"{megabytes('VmHWM') - before:.0f} MB above"
    )


if __name__ == "__main__":
    main()
