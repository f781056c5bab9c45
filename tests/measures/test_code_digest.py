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


CLASSES = '''
class Base:
    factor = 2

    def scale(self, x):
        return self.factor * x


class Kernel(Base):
    """What it does."""

    def __init__(self, shift):
        self.shift = shift

    @property
    def twice(self):
        return 2 * self.shift

    @staticmethod
    def squared(x):
        return x**2

    def __call__(self, x):
        return self.scale(self.squared(x)) + self.twice


kernel = Kernel(1)
scaled = functools.partial(Kernel.squared)
{use}
'''
USES = {
    "instance": "def f(x, y):\n    return kernel(x)",
    "class": "def f(x, y):\n    return Kernel(1)(x)",
    "default": "def f(x, y, k=kernel):\n    return k(x)",
    "bound method": "f = Kernel(1).__call__",
    "the instance itself": "f = Kernel(1)",
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_classes_of_the_module_count(use):
    def digest(source, use=use):
        namespace = {"__name__": "their_module", "functools": functools}
        exec(source.format(use=use), namespace)
        return code_digest(namespace["f"])

    base = digest(CLASSES)
    assert base
    assert digest("\n\n# A comment\n" + CLASSES.replace("What it does", "What it is")) == base
    for old, new in (
        ("factor = 2", "factor = 3"),
        ("self.factor * x", "self.factor + x"),
        ("2 * self", "3 * self"),
        ("x**2", "x**3"),
        ("+ self.twice", "- self.twice"),
    ):
        assert digest(CLASSES.replace(old, new)) != base, old
    others = (text.replace("Kernel(1)", "Kernel(2)") for text in (CLASSES, use))
    assert digest(*others) != base


def test_a_partial_function_counts_with_its_arguments():
    def made(power, exponent):
        source = f"def g(x, p):\n    return x**p + {exponent}\nf = functools.partial(g, p={power})"
        namespace = {"__name__": "their_module", "functools": functools}
        exec(source, namespace)
        return code_digest(namespace["f"])

    assert len({made(1, 1), made(2, 1), made(1, 2)}) == 3
    assert made(1, 1) == made(1, 1)
