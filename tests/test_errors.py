"""Errors of the user are one sentence with the cure."""

import pytest

from cotpress.errors import BadRecord, CotpressError, MissingExtra, UnknownName


def test_an_unknown_name_offers_the_nearest_and_all() -> None:
    error = UnknownName("scorer", "llmlingua", ["surprisal", "llmlingua2", "cts"])
    assert (
        str(error)
        == "unknown scorer 'llmlingua'; did you mean llmlingua2? Available: cts, llmlingua2, surprisal."
    )


def test_an_unknown_name_near_nothing_offers_all() -> None:
    assert (
        str(UnknownName("split", "zzz", iter(["train"])))
        == "unknown split 'zzz'. Available: train."
    )
    assert str(UnknownName("split", "zzz", [])) == "unknown split 'zzz'. Available: none."


def test_a_missing_extra_is_the_install_line() -> None:
    error = MissingExtra("scorer llmlingua2", "transformers", "hf")
    assert (
        str(error)
        == "scorer llmlingua2 needs the package 'transformers': pip install 'cotpress[hf]'"
    )


@pytest.mark.parametrize("kind", [BadRecord, UnknownName, MissingExtra])
def test_every_kind_is_the_users_to_mend(kind: type[Exception]) -> None:
    assert issubclass(kind, CotpressError)
