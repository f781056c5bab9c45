"""PEFT adapter folders: an adapter (LoRA and the like), merged into the model that it adapts."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from isorep._utils.optional import import_optional
from isorep.model_files.huggingface_folder import first_line, is_model_folder, load_model, quiet

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_NO_NAME = "a model without a name"
_WRAPPER = "base_model.model."


def is_adapter_folder(path: Path) -> bool:
    """Tell whether the folder holds a PEFT adapter and no whole model."""
    return (path / _CONFIG).is_file() and not is_model_folder(path)


def base_of(adapter: Path, other: Path | None) -> Path:
    """Return the folder of the model that an adapter adapts.

    Parameters
    ----------
    adapter
        Folder of the adapter. Its configuration may name a folder of this machine.
    other
        Folder to take if it does not, such as the other side of a comparison.

    Raises
    ------
    ValueError
        If neither is the folder of a model.
    """
    name = _base_name(adapter)
    if is_model_folder(Path(name)):
        return Path(name)
    if other is None or not is_model_folder(other):
        raise ValueError(
            f"{str(adapter)!r} adapts {name!r}, which is no folder of a model here: make the "
            "folder of that model the other side, or write its path as base_model_name_or_path "
            f"into {_CONFIG}"
        )
    return other


def load_adapted(adapter: Path, base: Path) -> Any:
    """Load the model in `base` and merge the adapter into it; its layers keep their names.

    Weights of the adapter for heads of the task are left out, as `load_model` leaves out the heads.

    Raises
    ------
    ValueError
        If the adapter does not fit the model, or is of a kind that cannot be merged.
    ImportError
        If peft or transformers is not installed.

    Warns
    -----
    UserWarning
        If the adapter is for a model of another name than that of the folder.
    """
    peft = _import_peft()
    if not (adapter / _WEIGHTS).is_file():
        raise ValueError(f"cannot load the adapter in {str(adapter)!r}: there is no {_WEIGHTS}")
    name = _base_name(adapter)
    if name != _NO_NAME and base.resolve().name != Path(name).name:
        warnings.warn(
            f"{str(adapter)!r} adapts {name!r}; it is merged into {str(base)!r}, which must be "
            "that model",
            stacklevel=2,
        )
    model = load_model(base)
    cannot = f"cannot merge the adapter in {str(adapter)!r} into the model in {str(base)!r}"
    transformers = import_optional("transformers", "torch")
    safetensors = import_optional("safetensors.torch", "safetensors")
    modules = {name for name, _ in model.named_modules()}
    try:
        weights = safetensors.load_file(adapter / _WEIGHTS)
        with quiet(transformers), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about settings of training
            config = peft.PeftConfig.from_pretrained(str(adapter))
            if config.is_prompt_learning:
                raise TypeError(f"adapters of the kind {config.peft_type} cannot be merged")
            config.inference_mode = True
            body = _of_body(weights, modules)
            wrapped = peft.PeftModel(model, config)
            peft.set_peft_model_state_dict(wrapped, body)
            own = peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False)
            if own.keys() != body.keys():
                differing = sorted(own.keys() ^ body.keys())
                raise KeyError(
                    f"{len(differing)} weights are on one side only, the first of them "
                    f"{differing[0]}"
                )
            return wrapped.merge_and_unload()
    except Exception as error:
        raise ValueError(f"{cannot}: {first_line(error)}") from error


def _base_name(adapter: Path) -> str:
    """Return the name of the model that an adapter adapts, as its configuration has it."""
    try:
        config = json.loads((adapter / _CONFIG).read_text("utf-8"))
        return str(config["base_model_name_or_path"] or _NO_NAME)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"cannot read {_CONFIG} in {str(adapter)!r}: expected what peft's "
            f"model.save_pretrained(folder) writes, got {error!r}"
        ) from error


def _of_body(weights: dict[str, Any], modules: set[str]) -> dict[str, Any]:
    """Return the weights of an adapter that are for `modules`, under their names.

    An adapter of a model with a head calls the body by a prefix, such as ``bert.``.
    """
    names = [name.removeprefix(_WRAPPER) for name in weights]

    def adapts(name: str) -> bool:
        parts = name.split(".")
        return any(".".join(parts[:n]) in modules for n in range(1, len(parts)))

    def n_adapting(prefix: str) -> int:
        return sum(stripped(name, prefix) is not None for name in names)

    def stripped(name: str, prefix: str) -> str | None:
        rest = name.removeprefix(prefix)
        return rest if name.startswith(prefix) and adapts(rest) else None

    parts = [name.split(".") for name in names]
    starts = {".".join(part[:n]) + "." for part in parts for n in (1, 2)}
    prefix = max(["", *sorted(starts)], key=n_adapting)
    renamed = {name: stripped(name, prefix) for name in names}
    return {
        f"{_WRAPPER}{own}": value
        for (name, own), value in zip(renamed.items(), weights.values(), strict=True)
        if own is not None
    }


def _import_peft() -> Any:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise ImportError("a folder of an adapter needs peft: pip install peft") from error
    return peft
