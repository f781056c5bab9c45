"""Input names: what inputs hold, by the names that Hugging Face gives them."""

from __future__ import annotations

LABELS = ("labels", "label")
"""Labels, which only a model gets that asks for them."""

MASK, DECODER_MASK = "attention_mask", "decoder_attention_mask"
"""Masks of padding, 1 for a token."""

HAVE_SAMPLES = ("input_ids", "inputs_embeds", MASK, "decoder_input_ids")
"""Inputs that have a row for each sample."""
