"""Own measures: ``module:name`` of what `isorep.register` returned, wherever a measure is named."""

from __future__ import annotations


def import_measure(spec: str) -> str:
    """Return the name of a measure, with its options; import the measure if a module has it.

    Parameters
    ----------
    spec
        Name of a measure, or module:name of a registered one, with options in parentheses if any.

    Raises
    ------
    ValueError
        If the module cannot be imported, the object is no measure, or its name is taken.
    """
    place, parenthesis, options = spec.partition("(")
    if ":" not in place:
        return spec
    from isorep.measures.base import Measure
    from isorep.measures.registry import add_measure
    from isorep.model_files.module_objects import find_object

    plugin = find_object(place.strip())
    row = getattr(plugin, "measure", plugin)
    if not isinstance(row, Measure):
        raise ValueError(
            f"{place} is a {type(plugin).__name__}: expected what isorep.register returned, as "
            "with @isorep.register above the function"
        )
    add_measure(row)
    return row.name + parenthesis + options


def import_measures(specs: list[str] | None) -> list[str] | None:
    """Return the names of several measures; see `import_measure`."""
    return None if specs is None else [import_measure(spec) for spec in specs]
