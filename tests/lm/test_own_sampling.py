"""Sampling as a model's own generation_config.json says."""

import json

import pytest

from cotpress import models
from cotpress.errors import CotpressError
from cotpress.lm.own_sampling import own_sampling
from cotpress.models import Sampling
from cotpress.plugins import PACKAGE


class Model:
    name = "hf:some"

    def __init__(self, said):
        self.generation_config = said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"temperature": 0.6, "top_p": 0.95, "top_k": 20}, (0.6, 0.95, 20, 0.0)),
        ({"do_sample": True, "temperature": 0.6, "min_p": 0.05}, (0.6, 1.0, 0, 0.05)),
        ({"do_sample": True}, (1.0, 1.0, 0, 0.0)),
        ({"do_sample": False, "temperature": 0.7, "top_p": 0.8}, (0.0, 0.8, 0, 0.0)),
        ({"top_k": 20, "temperature": None}, (1.0, 1.0, 20, 0.0)),
    ],
)
def test_what_it_says_takes_the_place_of_what_was_given(said, expected):
    found, _ = own_sampling(Model(said), Sampling(max_tokens=9, seed=3))
    assert (found.temperature, found.top_p, found.top_k, found.min_p) == expected
    assert (found.max_tokens, found.seed) == (9, 3)


def test_what_was_taken_is_said_and_what_was_not():
    _, sentence = own_sampling(
        Model({"temperature": 0.7, "top_p": 0.8, "repetition_penalty": 1.05}), Sampling()
    )
    assert sentence == (
        "temperature 0.7, top_p 0.8, top_k 0, min_p 0, from the generation_config.json of hf:some; "
        "not taken: repetition_penalty 1.05"
    )


@pytest.mark.parametrize("said", [{}, None, {"eos_token_id": 2}])
def test_a_model_that_says_nothing_is_an_error_with_the_cure(said):
    with pytest.raises(
        CotpressError, match=r"hf:some has no generation_config\.json that says how"
    ):
        own_sampling(Model(said), Sampling())


def test_a_folder_is_read_and_the_bundled_model_says_nothing(tmp_path):
    pytest.importorskip("transformers")
    tiny = PACKAGE / "assets" / "tiny"
    for path in tiny.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CotpressError, match="name --temperature and the rest yourself"):
        own_sampling(models.load(str(tmp_path)), Sampling())
    config = tmp_path / "generation_config.json"
    config.write_text(json.dumps({"do_sample": True, "temperature": 0.6, "top_k": 20}))
    found, _ = own_sampling(models.load(str(tmp_path)), Sampling())
    assert (found.temperature, found.top_k) == (0.6, 20)
    config.unlink()
    with pytest.raises(CotpressError, match=r"has no generation_config\.json"):
        own_sampling(models.load(str(tmp_path)), Sampling())
    config.write_text("{")
    with pytest.raises(CotpressError, match=r"generation_config.json of .* is not JSON"):
        own_sampling(models.load(str(tmp_path)), Sampling())
