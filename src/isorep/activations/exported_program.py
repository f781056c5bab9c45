"""Exported program: give a graph of `torch.export` the layers of the model it was made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from torch import Tensor, fx, nn

_STACK = "nn_module_stack"
"""Key of a node's metadata: the modules that ran it, the outermost first."""


class ExportedLayer(nn.Module):
    """A layer of an exported program: returns what the layer of the original model computed."""

    def forward(self, output: Any) -> Any:
        """Return `output`."""
        return output


def with_layers(model: nn.Module) -> nn.Module:
    """Return an exported program with layers that run hooks; return other models unchanged.

    An exported program is a graph of operations, whose submodules only hold weights. The graph
    knows which layer ran which operation, so the output of a layer is what the layer computed and
    others use. Layers that compute nothing, such as dropout in eval mode, are not in the graph.
    The weights are those of `model`.
    """
    if not is_exported(model):
        return model
    assert isinstance(model, fx.GraphModule)
    graph = _copy(model)
    names: dict[str, str] = {}  # of the layer of each call
    nodes: defaultdict[str, list[fx.Node]] = defaultdict(list)  # of each call
    for node in graph.nodes:
        if node.op == "call_function":
            for call, (name, *_) in (node.meta.get(_STACK) or {}).items():
                names[call] = name
                nodes[call].append(node)
    outputs = {call: _outputs(nodes[call]) for call in nodes if names[call]}
    ends: dict[fx.Node, fx.Node] = {}  # the node after which the next layer that ends here runs
    for call in sorted(outputs, key=lambda call: len(nodes[call])):  # inner layers end first
        if outputs[call]:
            last = nodes[call][-1]
            with graph.inserting_after(ends.get(last, last)):
                value = outputs[call][0] if len(outputs[call]) == 1 else tuple(outputs[call])
                ends[last] = graph.call_module(names[call], (value,))
    return fx.GraphModule(_with_weights(model, set(names.values())), graph)


def _copy(model: fx.GraphModule) -> fx.Graph:
    """Return a copy of a graph, in which modules that run are functions and so no layers."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(model.graph, {}))
    graph.set_codegen(model.graph._codegen)
    for node in list(graph.nodes):
        if node.op == "call_module":  # a check of the inputs
            check = _function(model.get_submodule(str(node.target)))
            with graph.inserting_before(node):
                node.replace_all_uses_with(graph.call_function(check, node.args, node.kwargs))
            graph.erase_node(node)
    return graph


def _function(module: nn.Module) -> Callable[..., Any]:
    def check(*args: Any, **kwargs: Any) -> Any:
        return module(*args, **kwargs)

    return check


def is_exported(model: nn.Module) -> bool:
    """Return whether a model is an exported program that knows its layers and checks its inputs.

    The check is a module of the graph. Without it, a program for one batch size may run on another.
    """
    return (
        isinstance(model, fx.GraphModule)
        and hasattr(model, "_guards_fn")
        and any(node.meta.get(_STACK) for node in model.graph.nodes)
    )


def _outputs(nodes: list[fx.Node]) -> list[fx.Node]:
    """Return the nodes of a layer that are tensors and that others use."""
    inside = set(nodes)
    return [
        node
        for node in nodes
        if isinstance(node.meta.get("val"), Tensor) and not set(node.users) <= inside
    ]


def _with_weights(model: nn.Module, names: set[str]) -> nn.Module:
    """Return a tree of layers with these names and with the weights of a model."""
    root = _layer(model)
    for name in sorted(names - {""}):
        parent = root
        for part in name.split("."):
            if part not in parent._modules:
                parent.add_module(part, ExportedLayer())
            parent = getattr(parent, part)
    return root


def _layer(module: nn.Module) -> nn.Module:
    layer = ExportedLayer()
    layer._parameters.update(module._parameters)
    layer._buffers.update(module._buffers)
    for name, x in vars(module).items():  # constants of the graph
        if isinstance(x, Tensor):
            setattr(layer, name, x)
    for name, child in module.named_children():
        layer.add_module(name, _layer(child))
    return layer
