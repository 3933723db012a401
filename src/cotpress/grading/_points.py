"""Whether two formulas certainly differ, judged by their values at two points: far quicker than
looking for a proof that they are equal.
"""

import importlib
from typing import Any

POINTS = [(1.37, 0.61), (2.19, 0.43)]
"""First value, and the step from one letter to the next."""
APART = 1e-3
"""Relative difference of two values that no rounding explains."""


def differ(one: Any, other: Any) -> bool:
    """Whether two sympy expressions, or two tuples of them at one place, have different values;
    False where that cannot be told.
    """
    sympy = importlib.import_module("sympy")
    if isinstance(one, sympy.Tuple) and isinstance(other, sympy.Tuple):
        return len(one) != len(other) or any(map(differ, one, other))
    if not (isinstance(one, sympy.Expr) and isinstance(other, sympy.Expr)):
        return False
    letters = sorted({str(letter) for letter in one.free_symbols | other.free_symbols})
    for first, step in POINTS:
        values = {letter: first + step * n for n, letter in enumerate(letters)}
        left, right = _value(one, values), _value(other, values)
        if left is None or right is None:
            return False
        if abs(left - right) > APART * max(1.0, abs(left), abs(right)):
            return True
    return False


def _value(formula: Any, values: dict[str, float]) -> complex | None:
    """The value of a formula; None where it has no finite one."""
    found = formula.evalf(15, subs={one: values[str(one)] for one in formula.free_symbols})
    if not found.is_number:
        return None
    value = complex(found)
    return value if abs(value) < 1e300 else None  # also false of what is not a number
