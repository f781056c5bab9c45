import pytest
import torch
from torch import nn

from isorep.paper.models.convnet import ConvNet


def test_layers_are_conv_batch_norm_relu_and_softmax():
    torch.manual_seed(0)
    network = ConvNet([4, 7], [1, 2], channels=3, classes=5).eval()
    images = torch.randn(11, 3, 9, 9)
    x = images
    for name, shape in (("conv1", (11, 4, 9, 9)), ("conv2", (11, 7, 5, 5))):
        convolution, norm, _ = network.get_submodule(name)
        x = torch.relu(
            norm(nn.functional.conv2d(x, convolution.weight, None, convolution.stride, 1))
        )
        assert x.shape == shape
    expected = torch.softmax(network.linear(x.mean(3).mean(2)), 1)
    torch.testing.assert_close(network(images), expected)
    assert network.layers == ("conv1", "conv2", "softmax")
    assert set(network.layers) <= dict(network.named_modules()).keys()


def test_signals_without_batch_norm():
    torch.manual_seed(0)
    network = ConvNet([40, 70], [1, 2], channels=3, classes=5, axes=1, batch_norm=False).eval()
    x = signals = torch.randn(11, 3, 9)
    for name, length, inputs in (("conv1", 9, 3), ("conv2", 5, 40)):
        convolution, _ = network.get_submodule(name)
        assert convolution.weight.std().item() == pytest.approx((2 / 3 / inputs) ** 0.5, rel=0.1)
        assert (convolution.bias == 0).all()
        x = torch.relu(nn.functional.conv1d(x, convolution.weight, None, convolution.stride, 1))
        assert x.shape[2] == length
    expected = torch.softmax(network.linear(x.mean(2)), 1)
    torch.testing.assert_close(network(signals), expected)


@pytest.mark.parametrize(("widths", "strides"), [([4, 4], [1]), ([], [])])
def test_refuses_unequal_or_no_layers(widths, strides):
    with pytest.raises(ValueError, match=f"got {len(widths)} widths and {len(strides)} strides"):
        ConvNet(widths, strides, channels=1, classes=2)
