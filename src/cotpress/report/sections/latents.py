"""What the latent tokens stand for: what the codebook is
worth, its most used codes, and answers decoded.
"""

from dataclasses import asdict

from cotpress import latent_tokens
from cotpress.report.latents import Answer
from cotpress.report.sections import Aside, Grid, Part, Section
from cotpress.report.table import Table
from cotpress.report.told import Report

PLACE = 20


def section(told: Report) -> Section | None:
    """None where there are no latent tokens, or they were not asked for."""
    found = told.latents
    if found is None:
        return None
    none = (
        ()
        if found.answers
        else ("No answer here holds latent tokens that a model wrote of its own accord.",)
    )
    how = (
        f"{found.used} of {found.total} codes encode some chunk of the "
        "reasoning that the VQ-VAE was trained on; the "
        f"{len(found.codes)} most used are shown. Decoded: the text that its "
        "decoder most often makes of the code, in its "
        "place. Beside it the chunks that the code most often encodes, with their number."
    )
    lines = [
        [
            str(code.number),
            str(code.uses),
            code.decoded,
            "; ".join(f"{text} ({count})" for text, count in code.chunks),
        ]
        for code in found.codes
    ]
    table = Table(["code", "chunks", "decoded", "encodes"], [False, False, True, True], lines)
    sentences = (found.worth.sentence(found.total), *none, how)
    asides = tuple(map(_aside, found.answers))
    data = {
        "codebook": found.total,
        "used": found.used,
        **asdict(found.worth),
        "codes": found.codes,
    }
    return Section(
        "latents",
        "What the latent tokens stand for",
        (Part("", sentences, (), Grid("The most used codes.", table, long=True), asides),),
        data,
    )


def _aside(answer: Answer) -> Aside:
    right = "" if answer.correct is None else " (right)" if answer.correct else " (wrong)"
    codes = [f"{latent_tokens.code(code)} {text}" for code, text in answer.codes]
    return Aside(f"An answer decoded{right}", (answer.question, *codes, answer.rest))
