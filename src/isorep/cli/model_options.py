"""Model options: how to capture models, in all commands that run them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from isorep.cli.options import ChannelsOption, ReduceOption


def model_options(
    reduce: ReduceOption = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB=INPUT",
            help="Input that masks the positions of these layers, or none; may be repeated. "
            "\\[default: the mask of the tokens that the positions are]",
        ),
    ] = None,
    heads: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Layers whose attention heads are on an axis of their own, and become a layer "
            "each; may be repeated.",
        ),
    ] = None,
    skip: Annotated[
        list[int] | None,
        typer.Option(
            metavar="POSITION",
            help="Position to leave out of the rows, e.g. 0 for the class token and -1 for the "
            "last token; may be repeated.",
        ),
    ] = None,
    skip_token: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="Token id to leave out of the rows; may be repeated."),
    ] = None,
    channels: ChannelsOption = "auto",
    max_samples: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Number of samples to run. \\[default: all]"),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE",
            help="Device to run models on, e.g. cuda. \\[default: where the model is]",
        ),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(
            metavar="",
            help="Run the first samples again in another order, to see which axis follows them.",
        ),
    ] = True,
) -> dict[str, Any]:
    """Return options of a command as `isorep.capture` takes them.

    Raises
    ------
    ValueError
        If a mask is not GLOB=INPUT.
    """
    masks: dict[str, str | None] = {}
    for rule in mask or []:
        pattern, sign, name = rule.rpartition("=")
        if not sign:
            raise ValueError(f"--mask {rule!r}: expected GLOB=INPUT, or GLOB=none for no mask")
        masks[pattern] = None if name == "none" else name
    return ({} if reduce is None else {"reduce": reduce}) | {
        "mask": masks or None,
        "heads": tuple(heads or ()),
        "skip": {"positions": skip or [], "tokens": skip_token or []}
        if skip or skip_token
        else None,
        "channels": channels,
        "max_samples": max_samples,
        "device": device,
        "probe": probe,
    }
