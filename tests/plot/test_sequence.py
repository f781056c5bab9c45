import matplotlib as mpl

mpl.use("Agg")
import numpy as np
from matplotlib import pyplot

import isorep


def test_legends_name_what_begins_with_an_underscore():
    found = isorep.plot.spectrum({"_stem": np.array([0.9, 0.5]), "block": np.array([0.8, 0.1])})
    assert [text.get_text() for text in found.get_legend().get_texts()] == ["_stem", "block"]
    pyplot.close("all")
