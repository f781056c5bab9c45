"""The reference has a page with an example for every public name and every shell command."""

import doctest
import inspect

import pytest

import isorep

pytest.importorskip("sphinx")

from bibliography_page import bibliography_pages
from command_pages import command_pages, commands, examples
from name_pages import name_pages
from public_names import aliases, public_modules, public_names

PAGES = dict([*name_pages(), *command_pages(), *bibliography_pages()])
NAMES = public_names()


def test_every_public_name_has_a_page():
    for module in public_modules():
        for name in module.__all__:
            path = f"{module.__name__}.{name}"
            page = PAGES[f"api/{aliases().get(path, path)}"]
            assert path in page or inspect.ismodule(getattr(module, name))


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.path)
def test_every_public_name_has_an_example(name):
    assert name.summary.endswith("."), "the page's table shows the first sentence"
    examples = doctest.DocTestParser().get_doctest(name.doc, {}, name.path, None, None)
    assert examples.examples, f"{name.path} has no example"
    if name.kind == "data":  # of which pytest collects none
        doctest.DebugRunner().run(examples)


@pytest.mark.parametrize("module", public_modules()[1:], ids=lambda module: module.__name__)
def test_every_public_module_says_what_it_is_for(module):
    assert module.__doc__.partition("\n\n")[0].endswith(".")


@pytest.mark.parametrize("name", commands())
def test_every_command_has_a_page_with_an_example(name):
    page = PAGES[f"shell/isorep-{name}"]
    assert examples(commands()[name])
    for option in commands()[name].params:
        for text in option.opts if option.param_type_name == "option" else [option.metavar]:
            assert text in page


def test_every_measure_has_a_page_that_links_to_its_source():
    for name, measure in isorep.MEASURES.items():
        path = f"isorep.measures.{name}"
        page = PAGES[f"api/{aliases().get(path, path)}"]
        assert measure.formula in page
        assert ":ref:`" in page
