"""How long it takes to compare questions: 100,000 that were taught with 1,000 that are judged, a
tenth of which were taught, and a tenth nearly so.

python benchmarks/overlap_speed.py
"""

import random
import tempfile
import time
from pathlib import Path

from cotpress.pipeline.overlap import FILE, Questions, read, write

TAUGHT, JUDGED, LENGTH = 100_000, 1_000, 60


def main() -> None:
    """Print seconds, the size of the file and what was found."""
    draw = random.Random(0)
    vocabulary = [f"word{i}" for i in range(20_000)]
    taught = [" ".join(draw.choices(vocabulary, k=LENGTH)) for _ in range(TAUGHT)]
    new = [" ".join(draw.choices(vocabulary, k=LENGTH)) for _ in range(8 * JUDGED // 10)]
    same = [one.upper() + " ." for one in taught[: JUDGED // 10]]
    nearly = [f"{one} and so on" for one in taught[-(JUDGED // 10) :]]
    began = time.perf_counter()
    known = Questions.of(taught)
    made = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), known)
        size = (Path(folder) / FILE).stat().st_size
        known = read(Path(folder)) or known
    kept = time.perf_counter()
    found = [known.has(one) for one in (*same, *nearly, *new)]
    compared = time.perf_counter()
    print(
        f"{TAUGHT:,} taught questions of {LENGTH} words: {made - began:.1f} s to hash, "
        f"{kept - made:.1f} s to write and read {size / 1e6:.1f} MB; {len(found):,} judged: "
        f"{compared - kept:.1f} s, {sum(found[:100])} of 100 equal, {sum(found[100:200])} of 100 "
        f"nearly so and {sum(found[200:])} of 800 new ones found"
    )


if __name__ == "__main__":
    main()
