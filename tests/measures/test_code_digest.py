"""Code digests: what changes the hash of a function, and what does not."""

import functools

import pytest

from isorep.measures.code_digest import code_digest


def function_of(source, **module):
    """Return the function f of a module with this source."""
    namespace = {"__name__": "measures_of_users", **module}
    exec(source, namespace)
    return namespace["f"]


BASE = """
def helper(x):
    return x + SHIFT

def f(x, y, *, power=2):
    \"\"\"Text.\"\"\"
    return helper(x) ** power if y in {"a", "b", "c"} else x.mean(axis=0)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("axis=0", "axis=1"),
        ("mean", "sum"),
        ("power=2", "power=3"),
        ("x + SHIFT", "x - SHIFT"),
        ('"c"', '"d"'),
        ("def f", "SHIFT = 4\ndef f"),
    ],
)
def test_a_change_of_what_is_computed_shows(old, new):
    assert old in BASE
    base = code_digest(function_of(BASE, SHIFT=3))
    assert code_digest(function_of(BASE.replace(old, new), SHIFT=3)) != base


def test_comments_and_documentation_do_not_count():
    base = code_digest(function_of(BASE, SHIFT=3))
    changed = BASE.replace("Text.", "Other text.").replace("def helper", "# why\ndef helper")
    assert code_digest(function_of(changed, SHIFT=3)) == base


def test_a_function_within_a_function():
    def made(power):
        def f(x):
            return x**power

        return f

    def decorated(function):
        @functools.wraps(function)
        def run(*sides):
            return function(*sides)

        return run

    assert code_digest(made(2)) == code_digest(made(2)) != code_digest(made(3))
    assert code_digest(decorated(made(2))) != code_digest(decorated(made(3)))


def test_functions_that_call_each_other_end():
    source = "def g(x):\n    return f(x)\ndef f(x):\n    return g(x) + 1\n"
    assert code_digest(function_of(source)) != code_digest(function_of(source.replace("1", "2")))


def test_what_decorators_and_methods_stand_for():
    def squared(x):
        return x**2

    class Measures:
        def f(self, x):
            return x**2

    assert code_digest(functools.cache(squared)) == code_digest(squared)
    assert code_digest(Measures().f) == code_digest(Measures.f) != ""


def test_no_digest_where_there_is_no_code():
    assert code_digest(sum) == code_digest(functools.partial(sum)) == ""
