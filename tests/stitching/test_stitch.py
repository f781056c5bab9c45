"""Stitching of networks whose stitched network is known, and against SciPy and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from sklearn.linear_model import Ridge
from torch import nn

import isorep
from isorep.activations.batch import Batch
from isorep.stitching.layer_tensor import LayerTensor
from isorep.stitching.outputs_compared import (
    accuracy,
    class_logits,
    cross_entropy,
    disagreement,
    jensen_shannon_distance,
)
from isorep.stitching.stitched_pair import PENALTY, StitchedPair, Task


def seeded(make):
    torch.manual_seed(0)
    return make()


def mlp(width=12):
    return nn.Sequential(nn.Linear(5, width), nn.Tanh(), nn.Linear(width, 3))


def cnn(channels=6):
    return nn.Sequential(
        nn.Conv2d(2, channels, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(channels, 3),
    )  # fmt: skip


class Block(nn.Module):
    """A block that returns a tuple, as those of transformers do."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x):
        return x + torch.tanh(self.inner(x)), "cache"


class Tokens(nn.Module):
    """Tokens (n, T) to logits (n, T, 7)."""

    def __init__(self, width=8):
        super().__init__()
        self.embed, self.block = nn.Embedding(11, width), Block(width)
        self.head = nn.Linear(width, 7)

    def forward(self, input_ids, attention_mask=None):
        return {"logits": self.head(self.block(self.embed(input_ids))[0])}


class TimeFirst(nn.Module):
    """Samples (n, T, 5) to logits (n, 3), with a layer that returns (T, n, 9)."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(5, 9), nn.Linear(9, 3)

    def forward(self, x):
        return self.head(torch.relu(self.layer(x.transpose(0, 1)).mean(0)))


def batches(shape, n_batches=6, n=40, classes=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(n, *shape, generator=generator),
            torch.randint(classes, (n,), generator=generator),
        )
        for _ in range(n_batches)
    ]


def stitch(a, layer_a, b, layer_b, data, **options):
    options = {"n_seeds": 2, "epochs": 1, "progress": False} | options
    return isorep.stitch(a, layer_a, b, layer_b, data, **options)


def pair_of(a, layer_a, b, layer_b, batch):
    sides = (LayerTensor.find(m, name, batch, "auto") for m, name in ((a, layer_a), (b, layer_b)))
    return StitchedPair(*sides)


def test_the_stitched_network_is_front_affine_layer_and_rest():
    a, b = seeded(mlp), seeded(lambda: mlp(9))
    x, targets = batches((5,), 1)[0]
    batch = Batch(x, len(x))
    pair = pair_of(a, "1", b, "1", batch)
    layer = nn.Linear(12, 9)
    with torch.no_grad():
        logits = b[2](layer(a[1](a[0](x))))
        original = b(x)
    evaluation = pair.evaluate(layer, [Task(batch, targets)], cross_entropy)
    expected = nn.functional.cross_entropy(logits, targets)
    assert evaluation.loss == pytest.approx(float(expected), rel=1e-6)
    assert evaluation.original_loss == pytest.approx(
        float(nn.functional.cross_entropy(original, targets)), rel=1e-6
    )
    assert evaluation.accuracy == pytest.approx(float((logits.argmax(1) == targets).float().mean()))
    assert evaluation.disagreement == pytest.approx(
        float((logits.argmax(1) != original.argmax(1)).float().mean())
    )


def test_the_matched_layer_is_a_ridge_regression():
    a, b = seeded(mlp), seeded(lambda: mlp(9))
    data = batches((5,), 3)
    pair = pair_of(a, "1", b, "1", Batch(data[0][0], 40))
    tasks = [Task(Batch(x, len(x)), y) for x, y in data]
    layer = pair.matched(pair.overlap(tasks))
    x = torch.cat([batch for batch, _ in data])
    with torch.no_grad():
        sources, targets = (m[1](m[0](x)).double().numpy() for m in (a, b))
    spread = np.linalg.svd(sources - sources.mean(0), compute_uv=False)
    ridge = Ridge(alpha=PENALTY * np.mean(spread**2)).fit(sources, targets)
    np.testing.assert_allclose(layer.weight.detach(), ridge.coef_, atol=1e-5)
    np.testing.assert_allclose(layer.bias.detach(), ridge.intercept_, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "layer", "shape"),
    [(mlp, "1", (5,)), (cnn, "1", (2, 6, 6)), (TimeFirst, "layer", (4, 5))],
)
def test_a_network_stitches_onto_itself_without_loss(make, layer, shape):
    model = seeded(make)
    table = stitch(model, layer, model, layer, batches(shape))
    matched = table.sel(fit="matched")
    np.testing.assert_allclose(matched["loss_penalty"], 0, atol=1e-3)
    np.testing.assert_allclose(matched["js_distance"], 0, atol=1e-2)
    np.testing.assert_allclose(table["pwcca"], 1, atol=1e-6)
    assert table.attrs["warnings"] == []


def test_maps_of_another_size_are_interpolated():
    a = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), *list(cnn(4))[1:])
    table = stitch(a, "0", cnn(), "0", batches((2, 6, 6)))
    assert np.isfinite(table["loss_penalty"]).all()


def test_tokens_with_tuples_masks_and_targets_that_do_not_count():
    generator = torch.Generator().manual_seed(2)
    data = []
    for _ in range(4):
        ids = torch.randint(1, 11, (16, 5), generator=generator)
        mask = torch.ones(16, 5, dtype=torch.long)
        mask[:8, 3:] = 0
        targets = (ids % 7).masked_fill(mask == 0, -100)
        data.append({"input_ids": ids, "attention_mask": mask, "labels": targets})
    model = seeded(Tokens)
    table = stitch(model, "block", seeded(lambda: Tokens(6)), "block", data, epochs=20,
                   learning_rate=0.03)  # fmt: skip
    penalties = table["loss_penalty"].sel(direction="a to b")
    assert penalties.sel(fit="trained") < penalties.sel(fit="matched")
    logits = model(data[0]["input_ids"])["logits"].detach()
    expected = nn.functional.cross_entropy(logits.movedim(-1, 1), data[0]["labels"])
    assert float(cross_entropy(logits, data[0]["labels"])) == pytest.approx(float(expected))


def test_training_recovers_a_task_that_matching_loses():
    # The source has the two signals of the task among directions that the target lacks.
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(800, 5, generator=generator)
    targets = (x[:, 0] > 0).long()
    data = [(x[i : i + 50], targets[i : i + 50]) for i in range(0, 800, 50)]
    a, b = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 2)), nn.Sequential(
        nn.Linear(5, 5), nn.Linear(5, 2)
    )  # fmt: skip
    with torch.no_grad():
        for model, keep in ((a, 0), (b, 1)):
            model[0].weight.zero_()
            model[0].weight[0, keep] = 1
            model[0].bias.zero_()
            model[1].weight.copy_(torch.tensor([[-3.0], [3.0]]) * torch.eye(5)[:1])
            model[1].bias.zero_()
    table = stitch(a, "0", b, "0", data, epochs=10, learning_rate=0.1)
    accuracies = table["accuracy"].sel(direction="a to b").mean("seed")
    assert accuracies.sel(fit="matched") < 0.7
    assert accuracies.sel(fit="trained") > 0.9
    assert table["accuracy_penalty"].sel(direction="a to b", fit="trained") < -0.3


def test_inputs_that_bypass_the_layer_are_reported():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch, self.end, self.head = nn.Linear(5, 5), nn.Identity(), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.end(x + self.branch(x)))

    model = seeded(Residual)
    with pytest.warns(isorep.CodedWarning, match=r"inputs bypass layer 'branch'.*\[input-bypass\]"):
        table = stitch(model, "branch", model, "branch", batches((5,)), learning_rate=1e-9)
    assert any("input-bypass" in text for text in table.attrs["warnings"])
    table = stitch(model, "end", model, "end", batches((5,)), learning_rate=1e-9)
    assert not any("input-bypass" in text for text in table.attrs["warnings"])


def test_training_that_harms_is_reported():
    model = seeded(mlp)
    with pytest.warns(isorep.CodedWarning, match=r"training made the loss .* larger \(a to b and"):
        stitch(model, "1", model, "1", batches((5,)), n_seeds=5, learning_rate=3.0)


def test_intervals_over_seeds_and_repeatable():
    from scipy.stats import t

    a, b = seeded(mlp), seeded(lambda: mlp(7))
    tables = [stitch(a, "1", b, "1", batches((5,)), n_seeds=4, seed=5) for _ in range(2)]
    assert tables[0].identical(tables[1])
    table = tables[0]
    assert table["seed"].values.tolist() == [5, 6, 7, 8]
    penalties = (table["loss"] - table["original_loss"]).values
    np.testing.assert_allclose(table["loss_penalty"], penalties.mean(-1))
    half = t.ppf(0.975, 3) * penalties.std(-1, ddof=1) / 2
    np.testing.assert_allclose(table["loss_penalty_high"] - table["loss_penalty"], half)


def test_test_data_are_used_whole():
    a, b = seeded(mlp), seeded(lambda: mlp(7))
    data, tests = batches((5,), 1), batches((5,), 3, seed=9)
    with pytest.warns(isorep.FewSamplesWarning, match="pwcca, . to .: 40 samples are few"):
        table = stitch(a, "1", b, "1", data, test_data=tests)
    assert [text.code for text in table.attrs["warnings"]] == ["few-samples", "few-samples"]
    x, targets = (torch.cat(parts) for parts in zip(*tests, strict=True))
    expected = float((b(x).argmax(1) == targets).float().mean())
    np.testing.assert_allclose(table["original_accuracy"].sel(direction="a to b"), expected)


def test_the_models_stay_as_they_were():
    a, b = seeded(mlp).train(), seeded(lambda: mlp(7)).train()
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in (a, b)]
    stitch(a, "1", b, "1", batches((5,)))
    for model, state in zip((a, b), before, strict=True):
        assert model.training
        assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
        assert all(p.grad is None and p.requires_grad for p in model.parameters())
        assert not any(m._forward_hooks for m in model.modules())


def test_a_loss_for_other_targets():
    generator = torch.Generator().manual_seed(0)
    data = [
        (torch.randn(30, 5, generator=generator), torch.randn(30, 3, generator=generator))
        for _ in range(4)
    ]
    table = stitch(seeded(mlp), "1", seeded(lambda: mlp(7)), "1", data, loss=nn.functional.mse_loss)
    assert np.isfinite(table["loss_penalty"]).all()
    assert np.isnan(table["accuracy_penalty"]).all()
    assert np.isnan(table["js_distance"]).all()


def test_distance_of_outputs_is_that_of_scipy():
    rng = np.random.default_rng(0)
    p, q = rng.standard_normal((2, 50, 6)) * 5
    p[0, 0], q[0, 1] = 2000, 2000  # probabilities of 0
    soft = [torch.softmax(torch.tensor(z), -1).numpy() for z in (p, q)]
    expected = np.mean([jensenshannon(a, b, base=2) for a, b in zip(*soft, strict=True)])
    distance = jensen_shannon_distance(torch.tensor(p), torch.tensor(q))
    assert distance == pytest.approx(expected, rel=1e-9)
    assert disagreement(torch.tensor(p), torch.tensor(q)) == np.mean(p.argmax(1) != q.argmax(1))


def test_classes_of_maps_are_the_second_axis():
    output, targets = torch.randn(2, 4, 5, 5), torch.randint(4, (2, 5, 5))
    logits, labels = class_logits(output, targets)
    assert logits.shape == (50, 4)
    assert float(nn.functional.cross_entropy(logits, labels)) == pytest.approx(
        float(nn.functional.cross_entropy(output, targets)), rel=1e-6
    )
    assert accuracy(output, targets) == pytest.approx(
        float((output.argmax(1) == targets).float().mean())
    )


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"n_seeds": 1}, ValueError, "n_seeds must be at least 2"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be above 0"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"measures": "rsa"}, ValueError, "second moments"),
        ({"loss": lambda output, targets: output.sum() * float("nan")}, ValueError, "loss is nan"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        stitch(mlp(), "1", seeded(lambda: mlp(7)), "1", batches((5,)), **options)


def test_bad_layers_and_data():
    a, data = mlp(), batches((5,))
    with pytest.raises(ValueError, match="unknown layer 'l'"):
        stitch(a, "l", a, "1", data)
    with pytest.raises(ValueError, match="expected one layer, got the pattern"):
        stitch(a, "*", a, "1", data)
    both = nn.Sequential(nn.Flatten(), nn.Linear(72, 3))
    with pytest.raises(ValueError, match=r"has positions \(6, 6\) and layer '1' has none"):
        stitch(cnn(), "0", both, "1", batches((2, 6, 6)))
    with pytest.raises(ValueError, match="single batch"):
        stitch(a, "1", a, "1", data[:1])
    with pytest.raises(ValueError, match=r"cross-entropy of class numbers; .* got targets of None"):
        stitch(a, "1", a, "1", [x for x, _ in data])
    with pytest.raises(ValueError, match=r"class numbers from 0 to 2, .* got [34]"):
        stitch(a, "1", a, "1", [(x, targets + 2) for x, targets in data])
    with pytest.raises(ValueError, match=r"layer '1' holds \d+ NaN"):
        stitch(a, "1", a, "1", [(x * np.nan, targets) for x, targets in data])
    with pytest.raises(ValueError, match="all targets of a batch are -100"):
        stitch(a, "1", a, "1", [(x, torch.full_like(targets, -100)) for x, targets in data])
    shared = nn.Linear(5, 5)
    twice = nn.Sequential(shared, nn.Tanh(), shared)
    with pytest.raises(ValueError, match="layer '0' runs 2 times"):
        stitch(twice, "0", a, "1", data)
    with pytest.raises(TypeError, match=r"torch\.nn\.Module, got str"):
        stitch("resnet", "1", a, "1", data)
