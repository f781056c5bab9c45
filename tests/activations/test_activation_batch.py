"""The laws of a stream: every model sees the same samples, and nothing is kept or left behind."""

import gc
import warnings
import weakref

import numpy as np
import pytest
import torch
from helpers.late_layer import LateLayer, late_batches
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from isorep.activations.capture import capture
from isorep.activations.stream import stream

N, B = 17, 5  # the last batch has two samples


def network(width=4, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, width, 3), nn.ReLU(inplace=True), nn.Dropout(0.5))


@pytest.fixture
def images():
    return torch.randn(N, 2, 7, 5, generator=torch.Generator().manual_seed(1))


def loader(images, **options):
    return DataLoader(TensorDataset(images, torch.arange(N)), batch_size=B, **options)


def state(model):
    modes = [module.training for module in model.modules()]
    return modes, [len(module._forward_hooks) for module in model.modules()]


def joined(batches, k, layer):
    return torch.cat([batch.arrays[k][layer] for batch in batches]).numpy()


@pytest.mark.parametrize("once", [False, True])
def test_each_model_sees_the_same_samples_in_any_order(images, once):
    a, b = network(4), network(6, seed=2)
    data = loader(images, shuffle=True, generator=torch.Generator().manual_seed(3))
    batches = list(stream([a, b], iter(data) if once else data, reduce={"0": "flatten"}))
    assert [batch.n_samples for batch in batches] == [5, 5, 5, 2]
    order = np.concatenate([batch.labels for batch in batches])
    assert sorted(order) == list(range(N))
    assert order.tolist() != list(range(N))
    for k, model in enumerate((a, b)):
        alone = capture(model, images, reduce={"0": "flatten"})
        assert [i for batch in batches for i in batch.sample_ids] == [
            alone.sample_ids[i] for i in order
        ]
        for layer, x in alone.items():
            np.testing.assert_allclose(joined(batches, k, layer), x[order], rtol=1e-5, atol=1e-6)
        for batch in batches:
            assert list(batch.arrays[k]) == list(alone)
            assert batch.reductions[k] == alone.reductions
            assert batch.dtypes[k] == alone.dtypes


def test_a_model_twice_and_a_part_of_another(images):
    whole = nn.Sequential(network(), nn.Flatten())
    part = whole[0]
    alone = capture(part, images, layers="0")["0"]
    (batch,) = stream([part, whole, part], images, layers="0")
    for k in (0, 2):
        np.testing.assert_array_equal(batch.arrays[k]["0"].numpy(), alone)
    np.testing.assert_array_equal(
        batch.arrays[1]["0"].numpy(), capture(whole, images, layers="0")["0"]
    )


def test_a_model_that_writes_into_its_inputs_changes_no_other(images):
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(2, 3, 1))
    expected = capture(nn.Sequential(nn.Identity()), images.clone(), channels="first")["0"]
    ids = capture(model, images.clone()).sample_ids
    for data in (loader(images), [{"input": images.clone()}]):
        models = [model, nn.Sequential(nn.Identity())]
        (batch, *_) = stream(models, data, layers="0", channels="first")
        np.testing.assert_array_equal(batch.arrays[1]["0"].numpy(), expected[: batch.n_samples])
    (batch,) = stream([model], images.clone(), layers="1")
    assert batch.sample_ids == ids


def test_all_is_restored_however_it_ends(images):
    a, b = network(), network(6)
    a.train()
    a[2].eval()
    before = state(a), state(b)
    data = loader(images)

    def check():
        assert (state(a), state(b)) == before
        assert torch.is_grad_enabled()
        assert torch.backends.mha.get_fastpath_enabled()

    list(stream([a, b], data))
    check()
    for _ in stream([a, b], data):
        break  # drops the generator
    check()
    batches = stream([a, b], data)
    next(batches)
    assert state(a) != before[0]
    batches.close()
    check()
    with pytest.raises(ValueError, match=r"model 1: the model failed on batch 0: RuntimeError: "):
        list(stream([a, nn.Sequential(nn.Conv2d(3, 2, 1))], data))
    check()
    stream([a, b], data)  # never asked for anything
    check()


def test_the_consumer_of_a_batch_may_train(images):
    model = network()
    for _ in stream([model], loader(images)):
        assert torch.is_grad_enabled()
        assert torch.backends.mha.get_fastpath_enabled()
        nn.Linear(2, 2)(torch.ones(1, 2)).sum().backward()


@pytest.mark.slow
def test_nothing_is_kept_of_a_batch(images):
    seen, alive = [], []
    for batch in stream([network(), network()], loader(images)):
        seen += [weakref.ref(x) for arrays in batch.arrays for x in arrays.values()]
        del batch
        gc.collect()
        alive.append(sum(ref() is not None for ref in seen))
    assert alive == [0] * 4


def test_bfloat16_stays_and_so_does_the_device():
    x = torch.randn(N, 3)
    model = nn.Sequential(nn.Linear(3, 4)).to(torch.bfloat16)
    (batch,) = stream([model], x.bfloat16(), keep_on=None)
    assert batch.arrays[0]["0"].dtype == torch.bfloat16
    assert batch.arrays[0]["0"].device == model[0].weight.device
    (batch,) = stream([model], x.bfloat16(), dtype="float16")
    assert batch.arrays[0]["0"].dtype == torch.float16
    assert batch.dtypes == ({"0": "bfloat16"},)


def test_a_layer_found_out_late_is_left_out_from_there():
    data = late_batches(N)
    text = r"layers of model 1 left out: 'odd' had shape \(5, 3\) at first and now has \(3,\)"
    with pytest.warns(UserWarning, match=text) as caught:
        batches = list(stream([nn.Sequential(nn.Identity()), LateLayer()], data))
    assert [warning.filename for warning in caught] == [__file__]
    assert [list(batch.arrays[1]) for batch in batches] == [["odd", "even"]] * 3 + [["even"]]
    with pytest.warns(UserWarning, match="layers left out: 'odd' had") as caught:
        assert list(capture(LateLayer(), data)) == ["even"]
    assert [warning.filename for warning in caught] == [__file__]


def test_what_is_wrong_is_said_at_once(images):
    with pytest.raises(ValueError, match="expected at least one model, got none"):
        stream([], images)
    with pytest.raises(TypeError, match=r"should be a torch.nn.Module, got int"):
        stream([network(), 3], images)
    with pytest.raises(ValueError, match=r"^model 1: .*'2'"):
        stream([network(), network()[:1]], images, layers=["0", "2"])
    with pytest.raises(TypeError, match="Dataset or an iterable of batches, got int"):
        stream([network()], 3)


def test_ids_that_are_too_few_stop_the_run_where_they_end(images):
    asked = []

    def data():
        for batch in images.split(B):
            asked.append(len(batch))
            yield batch

    with pytest.raises(ValueError, match="each of the 10 samples, got 7 sample_ids"):
        list(stream([network()], data(), sample_ids=range(7)))
    assert asked == [5, 5]


def test_no_warning_when_nothing_is_left_out(images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(stream([network()], images))
