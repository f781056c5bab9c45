"""How models are called: what they take, on which device and in which dtype."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import isorep
from isorep.activations import PairedData, capture, stream

N, P = 12, 6


@pytest.fixture
def x():
    return torch.randn(N, P, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def fc():
    torch.manual_seed(0)
    return nn.Linear(P, 4)


class Wraps(nn.Module):
    """A module whose forward the test gives."""

    def __init__(self, fc):
        super().__init__()
        self.fc = fc


class OneDict(Wraps):
    def forward(self, batch):
        return self.fc(batch["pixels"])


class Two(Wraps):
    def forward(self, a, b):
        return self.fc(a - b)


class Optional(Wraps):
    def forward(self, a, b=None):
        assert b is None
        return self.fc(a)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.act = nn.Linear(P, P), nn.ReLU()

    def forward(self, x):
        return self.act(self.fc(x)) + x


class Split(nn.Module):
    def forward(self, x):
        return x.chunk(2, 1)


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.block, self.split, self.out = Block(), Split(), nn.Linear(P // 2, 3)
        self.scale = nn.Parameter(torch.rand(P))
        self.register_buffer("shift", torch.rand(P))

    def forward(self, x):
        x = self.block(self.block(x * self.scale) + self.shift)
        first, second = self.split(x)
        return self.out(first - second)


class Times(Wraps):
    """As a diffusion model: the second argument has a number for each sample."""

    def forward(self, x, t):
        return self.fc(x * t[:, None])


class Pipeline(Wraps):
    """As sentence transformers."""

    def forward(self, features, **options):
        return self.fc(features["pixels"])


class Nested(Wraps):
    def forward(self, first, others, scale):
        return self.fc((first["a"] + sum(others)) * scale)


class Conditional(Wraps):
    def forward(self, x, label):
        return self.fc(x * label[:, None])


class Trains(Wraps):
    """As Hugging Face's models: with labels it would compute a loss."""

    def forward(self, x, labels=None):
        assert labels is None
        return self.fc(x)


class Detector(Wraps):
    """As torchvision's: a list with an image of its own size for each sample."""

    def forward(self, images):
        return self.fc(torch.stack([image.mean((1, 2)).repeat(2) for image in images]))


def test_a_dict_is_the_only_argument_of_a_model_that_takes_one(fc, x):
    reps = capture(OneDict(fc), {"pixels": x, "name": "train"})
    np.testing.assert_allclose(reps["fc"], fc(x).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_further_tensors_are_arguments_if_the_model_requires_them(fc, x):
    reps = capture(Two(fc), [(x, x.flip(0))])
    np.testing.assert_allclose(reps["fc"], fc(x - x.flip(0)).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert reps.sample_ids != capture(Two(fc), [(x, x)]).sample_ids
    text = r"the model does not get the second part of each batch, \(12, 6\), .* its parameter 'b'"
    with pytest.warns(UserWarning, match=text):
        capture(Optional(fc), [(x, x)])


def test_a_second_argument_with_one_value_for_each_sample(fc, x):
    times = [torch.full((N,), t) for t in (0.5, 2.0)]
    reps = [capture(Times(fc), [(x, t)]) for t in times]
    np.testing.assert_allclose(reps[1]["fc"], fc(2 * x).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert not set(reps[0].sample_ids) & set(reps[1].sample_ids)


def test_targets_that_the_model_does_not_get_are_no_part_of_a_sample(fc, x):
    model = nn.Sequential(fc)
    ids = capture(model, x).sample_ids
    assert capture(model, [(x, x.flip(0))]).sample_ids == ids
    assert capture(model, [(x, torch.zeros(3, 4))], max_samples=5).sample_ids == ids[:5]
    by_name = capture(model, {"input": x}).sample_ids
    assert capture(model, {"input": x, "labels": x}).sample_ids == by_name


def test_a_dict_is_the_only_argument_beside_options(fc, x):
    reps = capture(Pipeline(fc), {"pixels": x})
    np.testing.assert_allclose(reps["fc"], fc(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    parallel = capture(nn.DataParallel(Pipeline(fc)), {"pixels": x})
    np.testing.assert_array_equal(parallel["module.fc"], reps["fc"])
    with pytest.raises(ValueError, match=r"^layer 'fc': callable <lambda> should"):
        capture(Pipeline(fc), {"pixels": x}, reduce=lambda x: x.sum())


def test_inputs_inside_others(fc):
    x = torch.randn(300, P, generator=torch.Generator().manual_seed(2))
    reps = capture(Nested(fc), {"first": {"a": x.numpy()}, "others": [x, 2 * x], "scale": 3})
    np.testing.assert_allclose(reps["fc"], fc(12 * x).detach().numpy(), rtol=1e-4, atol=1e-4)
    assert len(set(reps.sample_ids)) == 300
    halved = [
        {"first": {"a": part}, "others": [part, 2 * part], "scale": 3.0} for part in x.split(150)
    ]
    assert capture(Nested(fc), halved).sample_ids == reps.sample_ids
    for other in (
        {"first": {"a": -x}, "others": [x, 2 * x], "scale": 3},
        {"first": {"a": x}, "others": [x, -x], "scale": 3},
        {"first": {"a": x}, "others": [x, 2 * x], "scale": 2},
    ):
        assert not set(capture(Nested(fc), other).sample_ids) & set(reps.sample_ids)


def test_label_goes_to_a_model_that_takes_it(fc, x):
    y = torch.arange(N)
    reps = capture(Conditional(fc), {"x": x, "label": y})
    expected = fc(x * y[:, None]).detach().numpy()
    np.testing.assert_allclose(reps["fc"], expected, rtol=1e-5, atol=1e-5)
    assert reps.labels.tolist() == y.tolist()
    assert reps.sample_ids[1:] != capture(Conditional(fc), {"x": x, "label": -y}).sample_ids[1:]
    assert capture(Trains(fc), {"x": x, "labels": y}).labels.tolist() == y.tolist()


def test_a_list_of_images_of_several_sizes(fc):
    generator = torch.Generator().manual_seed(1)
    images = [torch.randn(3, 4 + i, 5, generator=generator) for i in range(N)]
    targets = tuple({"boxes": torch.zeros(1, 4)} for _ in range(N))
    reps = capture(Detector(fc), [(images[:5], targets[:5]), (tuple(images[5:]), targets[5:])])
    means = torch.stack([image.mean((1, 2)).repeat(2) for image in images])
    np.testing.assert_allclose(reps["fc"], fc(means).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert len(set(reps.sample_ids)) == N
    assert capture(Detector(fc), [(images, None)]).sample_ids == reps.sample_ids


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_inputs_are_cast_to_the_model_after_their_digest(fc, x, dtype):
    other = copy.deepcopy(fc).to(dtype)
    a, b = capture(nn.Sequential(fc), x), capture(nn.Sequential(other), x)
    assert a.sample_ids == b.sample_ids
    expected = other(x.to(dtype)).detach().float().numpy()
    np.testing.assert_allclose(b["0"], expected, rtol=1e-6)
    c = capture(nn.Sequential(fc), x.double().numpy())
    assert c.sample_ids == a.sample_ids
    np.testing.assert_array_equal(c["0"], a["0"])
    table = isorep.compare(nn.Sequential(fc), nn.Sequential(other), data=x, measures="cka")
    assert table["cka"].item() > 0.99


def test_integers_are_not_cast():
    embed = nn.Embedding(9, 3).bfloat16()
    tokens = torch.randint(9, (N, 4), generator=torch.Generator().manual_seed(0))
    assert capture(nn.Sequential(embed), tokens)["0"].shape == (N, 3)


def test_arrays_of_another_byte_order(fc, x):
    reps = capture(nn.Sequential(fc), x.numpy().astype(">f4"))
    np.testing.assert_array_equal(reps["0"], capture(nn.Sequential(fc), x)["0"])
    with pytest.raises(TypeError, match="should have arrays of numbers, got one of dtype object"):
        capture(nn.Sequential(fc), np.array([[object()]]))


def test_offloaded_models_run_where_their_hooks_say(x):
    accelerate = pytest.importorskip("accelerate")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(P, 8), nn.ReLU(), nn.Linear(8, 4))
    expected = capture(model, x)
    offloaded = accelerate.cpu_offload(copy.deepcopy(model), execution_device=torch.device("cpu"))
    assert capture(offloaded, x) == expected
    assert next(offloaded.parameters()).is_meta
    with pytest.raises(ValueError, match=r"parameters are offloaded .*: leave out device"):
        capture(offloaded, x, device="cpu")
    many = torch.randn(80, P, generator=torch.Generator().manual_seed(1))
    assert isorep.diff(model, offloaded, many, interval=False)["2"].raw == pytest.approx(1)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of PyTorch's own exporter
def test_exported_programs(x):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(P, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
    program = torch.export.export(model, (x,))
    assert capture(torch.export.unflatten(program), x) == capture(model, x)
    assert capture(program.module(), x) == capture(model, x)
    assert capture(program.module(), {"input": x}, layers="1", device="cpu")["1"].shape == (N, 8)
    with pytest.raises(ValueError, match=r"the model failed on batch 0: .*Guard failed"):
        capture(program.module(), x[:5])
    text = r"the model is an exported graph, .*: pass torch.export.unflatten\(program\)"
    with pytest.raises(ValueError, match=text):
        capture(program.module(check_guards=False), x)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_layers_of_exported_programs(fc, x):
    """Layers inside others, layers that run twice, weights of the root, and several outputs."""
    model = Blocks().eval()
    names = {"x": {0: torch.export.Dim("n", min=2)}}
    program = torch.export.export(model, (x,), dynamic_shapes=names).module()
    expected, reps = capture(model, x), capture(program, x[: N // 2])
    assert list(reps) == list(expected)
    assert "block#2" in reps
    for layer, array in reps.items():
        np.testing.assert_allclose(array, expected[layer][: N // 2], rtol=1e-5, atol=1e-6)
    more = torch.randn(60, P, generator=torch.Generator().manual_seed(6))
    diff = isorep.diff(model, program, more, interval=False, layers=["block.*", "out"])
    assert diff["block.act#2"].raw == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated")
def test_torchscript_is_named_as_the_reason(x):
    script = torch.jit.script(nn.Sequential(nn.Linear(P, 8), nn.ReLU()))
    with pytest.raises(ValueError, match="the model is TorchScript, whose submodules run without"):
        capture(script, x)
    partly = nn.Sequential(nn.Linear(P, P), script)
    assert list(capture(partly, x)) == ["0"]
    with pytest.raises(ValueError, match=r"did not run '1.0' \(parts of the model are TorchScript"):
        capture(partly, x, layers="1.0")


# --- Two forms of the same samples ---------------------------------------------------------------


def test_two_models_with_inputs_of_their_own(fc, x):
    other = nn.Sequential(nn.Linear(P - 1, 3))
    data = PairedData(x, x[:, :-1])
    (batch,) = stream([nn.Sequential(fc), other], data)
    np.testing.assert_allclose(batch.arrays[0]["0"], fc(x).detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        batch.arrays[1]["0"], other(x[:, :-1]).detach(), rtol=1e-5, atol=1e-6
    )
    a, b = (capture(m, data.side(i)) for i, m in enumerate((nn.Sequential(fc), other)))
    assert a.sample_ids == b.sample_ids == batch.sample_ids
    a.check_same_samples(b)
    assert a.sample_ids != capture(nn.Sequential(fc), x).sample_ids


def test_two_loaders_are_paired(fc, x):
    loaders = tuple(
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(form), batch_size=5)
        for form in (x, 2 * x)
    )
    table = isorep.compare(nn.Sequential(fc), nn.Sequential(fc), data=loaders, measures="cka")
    assert table["cka"].item() == pytest.approx(1)
    assert table["n_samples"].item() == N


def test_loaders_that_shuffle_are_not_read_side_by_side(fc, x):
    data = torch.utils.data.TensorDataset(x)
    shuffled = torch.utils.data.DataLoader(data, batch_size=5, shuffle=True)
    models = [nn.Sequential(fc)] * 2
    for pair in ((shuffled, data), PairedData(x, shuffled)):
        with pytest.raises(
            ValueError, match=r"other samples .*: pass shuffle=False, or one loader"
        ):
            stream(models, pair)


def test_one_loader_of_pairs(fc, x):
    y = x[:, :-1].flip(1)
    models = [nn.Sequential(fc), nn.Sequential(nn.Linear(P - 1, 3))]
    expected = [model(form).detach() for model, form in zip(models, (x, y), strict=True)]
    torch.manual_seed(0)
    pairs = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(pairs, batch_size=5, shuffle=True)
    (whole,) = stream(models, PairedData(x, y))
    row_of = {name: i for i, name in enumerate(whole.sample_ids)}
    for data in (PairedData(loader), loader, [(x, y)]):
        for batch in stream(models, data):
            rows = [row_of[name] for name in batch.sample_ids]
            for arrays, right in zip(batch.arrays, expected, strict=True):
                np.testing.assert_allclose(arrays["0"], right[rows], rtol=1e-5, atol=1e-6)
    with pytest.raises(
        ValueError, match="batch 0 of PairedData with one argument should be a pair"
    ):
        list(stream(models, PairedData([x])))
    a, b = (capture(model, PairedData(pairs).side(i)) for i, model in enumerate(models))
    a.check_same_samples(b)
    np.testing.assert_allclose(b["0"], expected[1], rtol=1e-5, atol=1e-6)


def test_a_second_tensor_that_may_be_an_input(fc, x):
    models = [nn.Sequential(fc), nn.Sequential(copy.deepcopy(fc))]
    with pytest.warns(UserWarning, match=r"both models get the first part .* PairedData\(data\)"):
        (batch,) = stream(models, [(x, 2 * x)])
    np.testing.assert_array_equal(*(arrays["0"] for arrays in batch.arrays))


def test_pairs_that_do_not_fit(fc, x):
    models = [nn.Sequential(fc)] * 2
    for form, sizes in ((x[:-2], "12 and 10"), ([x[:5], x[5:]], "12 and 5")):
        with pytest.raises(ValueError, match=f"data of the models differ: batch 0 has {sizes}"):
            list(stream(models, PairedData(x, form)))
