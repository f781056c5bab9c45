"""Read back what a page holds, as its script does."""

import base64
import json
import re

import numpy as np


def content(path):
    """The sections of a written page."""
    text = path.read_text(encoding="utf-8")
    held = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(held[1])["sections"]


def numbers(packed):
    if "i16" in packed:
        values = np.frombuffer(base64.b64decode(packed["i16"]), "<i2") * packed["unit"]
    else:
        values = np.frombuffer(base64.b64decode(packed["f32"]), "<f4")
    return values.astype(float).reshape(packed["shape"])


def words(packed, shape):
    return np.array(packed["texts"], dtype=object)[packed["codes"]].reshape(shape)
