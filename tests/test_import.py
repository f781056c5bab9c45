"""Importing is light, and what is public is documented."""

import inspect
import subprocess
import sys

import isorep

HEAVY = [
    "torch",
    "xarray",
    "pandas",
    "zarr",
    "matplotlib",
    "rich",
    "typer",
    "sklearn",
    "safetensors",
]


def test_import_brings_none_of_the_heavy_libraries():
    code = f"import sys, isorep; print([m for m in {HEAVY} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_front_door_is_small_and_documented():
    assert len(isorep.__all__) < 30
    assert sorted(isorep.__all__) == sorted(set(isorep.__all__))
    for name in isorep.__all__:
        thing = getattr(isorep, name)
        if name == "MEASURES":  # a mapping; its rows are checked where they are defined
            continue
        assert thing.__doc__, name
        if not inspect.isfunction(thing):
            continue
        assert "Examples\n" in thing.__doc__, name
        for parameter in inspect.signature(thing).parameters:
            assert parameter in thing.__doc__, (name, parameter)


def test_what_inference_offers_is_documented():
    for name in isorep.inference.__all__:
        thing = getattr(isorep.inference, name)
        assert thing.__doc__, name
        if not inspect.isfunction(inspect.unwrap(thing)):
            continue
        assert "Examples\n" in thing.__doc__, name
        assert "References\n" in thing.__doc__, name
        for parameter in inspect.signature(thing).parameters:
            assert parameter in thing.__doc__, (name, parameter)


def test_functions_stay_functions_after_their_modules_are_imported():
    code = (
        "import isorep, isorep.compare, isorep.overlap, isorep.measures.cka\n"
        "import isorep.inference.chance\n"
        "from isorep.activations.recorder import Recorder\n"
        "assert all(callable(f) for f in (isorep.compare, isorep.overlap, isorep.capture))\n"
        "assert callable(isorep.measures.cka) and callable(isorep.inference.chance)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_extra_says_what_brings_it(monkeypatch):
    import pytest

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"this needs torch: pip install 'isorep\[torch\]'"):
        isorep.capture(None, [])
