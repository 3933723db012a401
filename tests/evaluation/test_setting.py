"""A setting is the one key by which an evaluation is grouped,
so traces and their rows have the same.
"""

from hypothesis import given
from hypothesis import strategies as st
from make import sum_trace

from cotpress.evaluation.rows import rows
from cotpress.evaluation.setting import order, setting_of
from cotpress.methods import METHODS
from cotpress.records import Asked, Setting
from cotpress.report.rows import in_order

SETTINGS = st.builds(
    Setting,
    model=st.sampled_from(["a", "b"]),
    method=st.sampled_from([name for name in METHODS if name != "original"] + ["my-own"]),
    asked=st.sampled_from([Asked(), Asked(ratio=1.0), Asked(ratio=0.5), Asked(budget=200)]),
    latents=st.sampled_from([None, 0, 2]),
)


def traces(setting, n):
    fields = {
        "model": setting.model,
        "method": setting.method,
        "asked": setting.asked,
        "latents": setting.latents,
    }
    return [sum_trace(i, **fields) for i in range(n)]


@given(st.dictionaries(SETTINGS, st.integers(1, 3), min_size=1, max_size=8))
def test_there_is_one_row_for_each_setting_and_it_counts_the_traces_of_that_setting_alone(sizes):
    found = rows([trace for setting, n in sizes.items() for trace in traces(setting, n)])
    assert {setting_of(row): row.n for row in found} == sizes
    assert len(found) == len(sizes)
    assert {setting_of(row) for row in in_order(found)} == set(sizes)


@given(SETTINGS)
def test_a_trace_and_its_row_have_the_same_setting(setting):
    (trace,) = traces(setting, 1)
    assert setting_of(trace) == setting == setting_of(rows([trace])[0])


@given(st.lists(SETTINGS, unique=True, max_size=12))
def test_a_report_shows_methods_before_what_they_are_compared_with_each_by_falling_ratio(settings):
    reference = Setting(model="a", method="original")
    found = sorted([*settings, reference], key=order)
    assert found[0] == reference
    compared = [s.method in METHODS and METHODS[s.method].kind != "taught" for s in found[1:]]
    assert compared == sorted(compared)
    for name, model in {(s.method, s.model) for s in found}:
        of_one = [s.asked for s in found if (s.method, s.model) == (name, model)]
        asked = [one.ratio or 2 for one in of_one if one.budget is None]
        budgets = [one.budget for one in of_one if one.budget is not None]
        assert asked == sorted(asked, reverse=True)
        assert budgets == sorted(budgets, reverse=True)
        assert [one.budget is not None for one in of_one] == [False] * len(asked) + [True] * len(
            budgets
        )
