"""Which padding mask belongs to a layer; every expected row is computed from the raw outputs."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from isorep.activations.capture import capture

N, T, C = 10, 6, 4
LENGTHS = [T, 2, 3, 5, 4, 6, 1, 2, 3, 4]
MASK = (torch.arange(T) < torch.tensor(LENGTHS)[:, None]).long()


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(1)


def outputs_of(model, inputs):
    outputs = {}

    def keep(name):
        return lambda module, args, output: outputs.__setitem__(name, output)

    handles = [m.register_forward_hook(keep(name)) for name, m in model.named_modules() if name]
    with torch.no_grad():
        model.eval()(**inputs)
    for handle in handles:
        handle.remove()
    return outputs


def masked(x, mask=MASK):
    return (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def plain(x):
    return x.mean(1)


def check(model, inputs, expected, warned=(), **options):
    """Assert the rows of layers, and that one warning names those that include padding."""
    outputs = outputs_of(model, inputs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reps = capture(model, inputs, **options)
    for name, rows in expected.items():
        np.testing.assert_allclose(
            reps[name], rows(outputs[name]), rtol=1e-4, atol=1e-5, err_msg=name
        )
    texts = [str(w.message) for w in caught if "include padding" in str(w.message)]
    named = texts[0].split(": ", 1)[1].split(";")[0].split(", ") if texts else []
    assert sorted(named) == sorted(warned)


class Clip(nn.Module):
    """A text and an image that has as many patches as the text has tokens."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(20, C)
        self.text = nn.TransformerEncoderLayer(C, 2, 8, batch_first=True)
        self.patches = nn.Conv2d(3, C, 2, stride=2)
        self.vision = nn.Linear(C, C)
        self.both = nn.Identity()
        self.pool = nn.Identity()

    def forward(self, input_ids, pixel_values, attention_mask):
        text = self.text(self.tokens(input_ids), src_key_padding_mask=attention_mask == 0)
        image = self.vision(self.patches(pixel_values).flatten(2).transpose(1, 2))
        self.both(torch.cat([text, image], 1))
        self.pool(text[:, :1])
        return text


CLIP_INPUTS = {
    "input_ids": torch.randint(0, 20, (N, T), generator=torch.Generator().manual_seed(0)),
    "pixel_values": torch.randn(N, 3, 4, 6, generator=torch.Generator().manual_seed(0)),
    "attention_mask": MASK,
}


def test_a_text_mask_never_touches_an_image():
    check(
        Clip(),
        CLIP_INPUTS,
        {
            "tokens": masked,
            "text": masked,
            "text.linear1": masked,
            "text.norm2": masked,
            "patches": lambda x: x.mean((2, 3)),
            "vision": plain,
            "both": plain,
            "pool": plain,
        },
        warned=["both", "pool"],
    )


def test_masks_by_hand():
    check(
        Clip(),
        CLIP_INPUTS,
        {"tokens": plain, "text": plain, "text.norm1": masked, "vision": masked},
        mask={"tokens": None, "text": None, "vision": "attention_mask"},
        layers=["tokens", "text", "text.norm1", "vision"],
    )


class Text(nn.Module):
    """An embedding, and any functions of its tokens, each of which an identity records."""

    def __init__(self, **functions):
        super().__init__()
        self.tokens = nn.Embedding(20, C)
        self.norm = nn.LayerNorm(C)
        self.gru = nn.GRU(C, 3, batch_first=True, bidirectional=True)
        self.cell = nn.GRUCell(C, C)
        self.mix = nn.Linear(T, T)
        self.conv = nn.Conv1d(C, C, 3)
        self.same = nn.Conv1d(C, C, 3, padding=1)
        self.functions = functions
        self.seen = nn.ModuleDict({name: nn.Identity() for name in functions})

    def forward(self, input_ids, attention_mask):
        x = self.norm(self.tokens(input_ids))
        for name, function in self.functions.items():
            self.seen[name](function(self, x))
        return x


def loop(model, x):
    state, states = torch.zeros(len(x), C), []
    for t in range(x.shape[1]):
        state = model.cell(x[:, t], state)
        states.append(state)
    return torch.stack(states, 1)


MASKED = {
    "same": lambda model, x: model.same(x.mT).mT,
    "rnn": lambda model, x: model.gru(x)[0],
    "attention": lambda model, x: (x @ x.mT).softmax(-1) @ x,
    "twice flipped": lambda model, x: x.flip(1).cumsum(1).flip(1),
    "time first": lambda model, x: x.transpose(0, 1).tanh().transpose(0, 1),
    "flat": lambda model, x: x.flatten(0, 1).tanh().view(N, T, C) if len(x) == N else x * 1,
    "causal": lambda model, x: model.conv(nn.functional.pad(x.mT, (2, 0))).mT,
    "sorted and back": lambda model, x: x[:, [2, 0, 1, 5, 4, 3]][:, [1, 2, 0, 5, 4, 3]],
}
UNKNOWN = {
    "shorter": lambda model, x: model.conv(x.mT).mT,
    "flipped": lambda model, x: x.flip(1),
    "rolled": lambda model, x: x.roll(1, 1),
    "chosen": lambda model, x: x[:, torch.tensor([5, 3, 0, 1, 2, 4])],
    "loop": loop,
    "with a class token": lambda model, x: torch.cat([x[:, :1], x], 1),
}


@pytest.mark.parametrize("name", MASKED)
def test_tokens_in_their_order_are_masked(name):
    model = Text(seen=MASKED[name])
    ids = torch.randint(0, 20, (N, T))
    inputs = {"input_ids": ids, "attention_mask": MASK}
    check(model, inputs, {"tokens": masked, "seen.seen": masked})


@pytest.mark.parametrize("name", UNKNOWN)
def test_tokens_whose_way_is_lost_include_padding_with_a_warning(name):
    model = Text(seen=UNKNOWN[name])
    ids = torch.randint(0, 20, (N, T))
    inputs = {"input_ids": ids, "attention_mask": MASK}
    layers = ["tokens", "seen.*"]
    check(model, inputs, {"seen.seen": plain}, warned=["seen.seen"], layers=layers)
    full = {"input_ids": ids, "attention_mask": torch.ones_like(MASK)}
    check(model, full, {"seen.seen": plain}, layers=layers)


class Translator(nn.Module):
    """An encoder and a decoder, of texts that are equally long."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(20, C)
        self.encoder = nn.Linear(C, C)
        self.decoder = nn.Linear(C, C)
        self.keys = nn.Linear(C, C)
        self.out = nn.LayerNorm(C)

    def forward(self, input_ids, attention_mask, decoder_input_ids, decoder_attention_mask=None):
        memory = self.encoder(self.tokens(input_ids))
        x = self.decoder(self.tokens(decoder_input_ids))
        keys = self.keys(memory)
        return self.out(x + (x @ keys.mT).softmax(-1) @ memory)


def test_the_two_masks_of_an_encoder_and_a_decoder():
    ids = torch.randint(0, 20, (2, N, T))
    inputs = {"input_ids": ids[0], "attention_mask": MASK, "decoder_input_ids": ids[1]}
    expected = {"encoder": masked, "keys": masked, "decoder": plain, "out": plain}
    check(Translator(), inputs, expected)
    other = MASK.flip(0)
    expected |= {"decoder": lambda x: masked(x, other), "out": lambda x: masked(x, other)}
    check(Translator(), inputs | {"decoder_attention_mask": other}, expected)


class Speech(nn.Module):
    """Frames of sound, by two convolutions."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(1, C, 4, stride=2)
        self.second = nn.Conv1d(C, C, 3, stride=2)
        self.encoder = nn.Linear(C, C)

    def forward(self, input_values, attention_mask):
        frames = self.second(self.first(input_values[:, None]).relu())
        return self.encoder(frames.transpose(1, 2))


def n_frames(n):
    return ((n - 4) // 2 + 1 - 3) // 2 + 1


class SpeechWithFrames(Speech):
    """As in transformers: knows how many frames a sound has."""

    def _get_feature_vector_attention_mask(self, feature_vector_length, attention_mask):
        lengths = n_frames(attention_mask.sum(-1))
        return torch.arange(feature_vector_length) < lengths[:, None]


SOUND = 40
SOUND_LENGTHS = torch.tensor([40, 20, 31, 17, 25, 40, 12, 33, 28, 16])
SPEECH_INPUTS = {
    "input_values": torch.randn(N, SOUND, generator=torch.Generator().manual_seed(0)),
    "attention_mask": (torch.arange(SOUND) < SOUND_LENGTHS[:, None]).long(),
}


def test_sound_is_masked_by_frames_where_the_model_knows_them():
    frames = torch.arange(n_frames(SOUND)) < n_frames(SOUND_LENGTHS)[:, None]
    check(
        SpeechWithFrames(),
        SPEECH_INPUTS,
        {
            "first": lambda x: x.mean(2),  # more frames than the function is about
            "second": lambda x: masked(x.mT, frames),
            "encoder": lambda x: masked(x, frames),
        },
        warned=["first"],
    )


def test_sound_is_not_masked_where_frames_are_unknown():
    check(
        Speech(),
        SPEECH_INPUTS,
        {"first": lambda x: x.mean(2), "second": lambda x: x.mean(2), "encoder": plain},
        warned=["first", "second", "encoder"],
    )


def test_batches_of_other_lengths_have_their_own_masks():
    model = Text(seen=MASKED["rnn"])
    short = MASK[:, :4].clone()
    short[:, 0] = 1
    ids = torch.randint(0, 20, (N, T))
    model.functions = {"seen": lambda model, x: model.gru(x)[0]}
    batches = [
        {"input_ids": ids, "attention_mask": MASK},
        {"input_ids": ids[:, :4] + 0, "attention_mask": short},
    ]
    reps = capture(model, batches, layers="seen.seen", sample_ids=range(2 * N))
    expected = []
    for batch in batches:
        x = outputs_of(model, batch)["seen.seen"]
        expected.append(masked(x, batch["attention_mask"]))
    np.testing.assert_allclose(reps["seen.seen"], torch.cat(expected), rtol=1e-4, atol=1e-5)
