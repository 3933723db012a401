from cotpress.latent_tokens import BEGIN, END, RUN, Counts, code, codes, count, run, vocabulary


def test_a_run_stands_between_two_markers_and_no_codes_have_no_markers():
    assert run([3, 17]) == "<boLatent><|latent_3|><|latent_17|><eoLatent>"
    assert run([]) == ""


def test_the_vocabulary_is_two_markers_and_every_code_and_nothing_without_codes():
    assert vocabulary(2) == [BEGIN, END, "<|latent_0|>", "<|latent_1|>"]
    assert vocabulary(0) == []


def test_codes_and_markers_are_found_in_any_text():
    text = f"so {run([5, 1])} 2 + 2 {code(7)}"
    assert codes(text) == [5, 1, 7]
    assert count(text) == Counts(3, 2)
    assert RUN.findall(text) == [run([5, 1])]
