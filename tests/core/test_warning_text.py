"""Codes of warnings: in texts, in Python's warnings, on the page of the docs, and silenced."""

import pickle
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import isorep
from isorep.core.coded_warning import CODES
from isorep.core.warning_text import (
    WarningText,
    about,
    in_results_alone,
    issue,
    line_of,
    not_computed,
)

PAGE = Path(__file__).parents[2] / "docs" / "warnings.md"
SOURCES = Path(isorep.__file__).parent
FEW = np.random.default_rng(0).standard_normal((2, 20, 60))


def test_a_text_has_its_parts_and_stays_text():
    text = WarningText("few-samples", "9 samples are few", "take more")
    assert text == "9 samples are few; take more [few-samples]"
    assert (text.code, text.finding, text.advice) == (
        "few-samples",
        "9 samples are few",
        "take more",
    )
    assert line_of(text) == "9 samples are few [few-samples]"
    copy = pickle.loads(pickle.dumps(text))
    assert (copy, copy.code, copy.finding) == (text, text.code, text.finding)
    assert about("layer 'a'", text) == "layer 'a': 9 samples are few; take more [few-samples]"
    assert about("layer 'a'", "odd") == "layer 'a': odd"
    assert not_computed(ValueError("no")) == "no [not-computed]"
    assert line_of("plain") == "plain"
    with pytest.raises(ValueError, match="unknown warning code 'few-sample'; did you mean"):
        WarningText("few-sample", "9 samples are few")


def test_every_code_has_its_section_and_every_section_its_code():
    sections = re.findall(r"^### (.*)$", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(sections) == sorted(CODES)
    assert len(set(sections)) == len(sections)


def test_every_code_is_used():
    code_files = [path for path in SOURCES.rglob("*.py") if path.name != "coded_warning.py"]
    texts = "".join(path.read_text() for path in code_files)
    assert [code for code in CODES if f'"{code}"' not in texts] == []


def test_pythons_warnings_know_the_code():
    text, other = WarningText("few-samples", "9"), WarningText("few-neurons", "3")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert issue([text, other, text, "plain"], stacklevel=1) == (text, other, "plain")
    assert [type(one.message) for one in caught] == [
        isorep.FewSamplesWarning,
        isorep.CodedWarning,
        UserWarning,
    ]
    assert [getattr(one.message, "code", None) for one in caught] == [text.code, other.code, None]
    assert all(one.filename == __file__ for one in caught)


def test_silence_for_a_block_and_for_good():
    with pytest.warns(isorep.FewSamplesWarning, match=r"\[few-samples\]$"):
        assert len(isorep.cka(*FEW).warnings) == 1
    with isorep.silence("few-samples"):
        with isorep.silence("few-samples", "few-neurons"):
            assert isorep.cka(*FEW).warnings == ()
        assert isorep.cka(*FEW).warnings == ()  # the outer block still holds
        table = isorep.compare({"a": FEW[0]}, {"a": FEW[1]}, measures="cka")
        assert table["warnings"].item() == ""
    silenced = isorep.silence("few-samples")
    assert isorep.MEASURES["cka"](isorep.overlap(*FEW)).warnings == ()
    silenced.close()
    assert len(isorep.MEASURES["cka"](isorep.overlap(*FEW)).warnings) == 1


def test_silences_of_two_threads_end_in_any_order():
    overlap = isorep.overlap(*FEW)
    first, second = isorep.silence("few-samples"), isorep.silence("few-samples", "few-neurons")
    first.close()
    first.close()  # once more changes nothing
    assert isorep.MEASURES["cka"](overlap).warnings == ()
    second.close()
    assert len(isorep.MEASURES["cka"](overlap).warnings) == 1


def test_a_block_without_pythons_warnings_leaves_other_threads_alone():
    text, other = WarningText("few-samples", "9"), WarningText("few-neurons", "3")
    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor(1) as thread:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        with in_results_alone(isorep.FewSamplesWarning):
            assert issue([text, other], stacklevel=1) == (text, other)
            assert [str(x.message) for x in caught] == [other]
            assert thread.submit(issue, [text], 1).result() == (text,)
            assert [str(x.message) for x in caught] == [other, text]
        issue([text], stacklevel=1)
        assert warnings.filters == filters
    assert [str(x.message) for x in caught] == [other, text, text]


def test_the_packages_own_filters_are_not_of_its_warnings():
    """Filters are of the process: blocks of two threads would leave them changed for good."""
    users = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        if re.search(r"simplefilter\(.*(Coded|FewSamples)Warning", path.read_text())
    }
    assert users <= {"core/coded_warning.py"}  # an example


def test_silence_wants_codes_that_exist():
    with pytest.raises(ValueError, match="expected the codes of warnings, got none; codes: few-"):
        isorep.silence()
    with pytest.raises(ValueError, match="unknown warning code 'few'"):
        isorep.silence("few")
    with pytest.warns(isorep.FewSamplesWarning):
        isorep.cka(*FEW)


@pytest.mark.parametrize("codes", [["few-samples"], ("few-samples", "lost-digits"), None, 3])
def test_silence_takes_each_code_by_itself(codes):
    with pytest.raises(TypeError, match=r"as texts, got .*silence\(\*codes\) for a list"):
        isorep.silence(codes)
