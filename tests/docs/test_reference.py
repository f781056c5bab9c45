"""The reference has a page with an example for every public name and every shell command."""

import doctest
import inspect

import pytest

import isorep

pytest.importorskip("sphinx")
pytestmark = pytest.mark.slow  # imports PyTorch, Lightning and transformers


@pytest.fixture(scope="module")
def pages():
    """Return the text of each page that the build writes."""
    from bibliography_page import bibliography_pages
    from command_pages import command_pages
    from name_pages import name_pages

    return dict([*name_pages(), *command_pages(), *bibliography_pages()])


def test_every_public_name_has_a_page(pages):
    from public_names import aliases, public_modules

    for module in public_modules():
        assert module.__doc__.partition("\n\n")[0].endswith(".")
        for name in module.__all__:
            path = f"{module.__name__}.{name}"
            page = pages[f"api/{aliases().get(path, path)}"]
            assert path in page or inspect.ismodule(getattr(module, name))


def test_every_public_name_has_a_summary_and_an_example():
    from public_names import public_names

    for name in public_names():
        assert name.summary.endswith("."), f"the first sentence of {name.path} is too long"
        examples = doctest.DocTestParser().get_doctest(name.doc, {}, name.path, None, None)
        assert examples.examples, f"{name.path} has no example"
        if name.kind == "data":  # of which pytest collects none
            doctest.DebugRunner().run(examples)


def test_no_class_has_a_function_that_is_no_method():
    from public_names import public_names

    for name in public_names():
        for member, value in vars(name.value).items() if inspect.isclass(name.value) else ():
            is_method = not inspect.isfunction(value) or "." in value.__qualname__
            assert is_method, f"autodoc would show {name.path}.{member} without its first parameter"


def test_every_command_has_a_page_with_an_example(pages):
    from command_pages import commands, examples

    for name, command in commands().items():
        page = pages[f"shell/isorep-{name}"]
        assert examples(command), f"isorep {name} --help shows no example"
        for option in command.params:
            for text in option.opts if option.param_type_name == "option" else [option.metavar]:
                assert text in page


def test_every_measure_has_a_page_that_links_to_its_source(pages):
    from public_names import aliases

    for name, measure in isorep.MEASURES.items():
        path = f"isorep.measures.{name}"
        page = pages[f"api/{aliases().get(path, path)}"]
        assert measure.formula in page
        assert ":ref:`" in page
