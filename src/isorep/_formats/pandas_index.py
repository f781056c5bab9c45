"""Pandas index: the labels of the rows that pandas stored beside the columns of an Arrow table."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.memory import memory_budget
from isorep._utils.table_index import index_labels

_BYTES_OF_LABEL = 100
"""Memory of a label as text while the labels are made."""


class PandasIndex:
    """The index of a table; without levels if pandas did not write the table, or stored none.

    Parameters
    ----------
    schema
        Schema of the table: a pyarrow.Schema.
    columns
        Columns of the table by name.
    n_rows
        Number of rows of the table.

    Attributes
    ----------
    columns : list of str
        Names of the columns that hold levels of the index.
    unnamed : set of str
        Those of them to which only pandas gave a name.
    sample_ids : tuple of str or None
        Labels of the rows; None if there are none, or if they only count the rows.
    """

    def __init__(self, schema: Any, columns: Mapping[str, Any], n_rows: int) -> None:
        self.columns: list[str] = []
        self.unnamed: set[str] = set()
        self.sample_ids: tuple[str, ...] | None = None
        stored = (schema.metadata or {}).get(b"pandas")
        if stored is None:
            return
        try:
            levels = _levels(json.loads(stored))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            _warn(f"metadata of pandas that cannot be read, {type(error).__name__}: {error}")
            return
        except RecursionError:
            _warn("metadata of pandas that cannot be read, since it is nested too deeply")
            return
        self._read(levels, columns, n_rows)

    def _read(
        self, levels: list[tuple[str | range, Any]], columns: Mapping[str, Any], n_rows: int
    ) -> None:
        sources: list[str | range] = []
        for level, name in levels:
            if isinstance(level, str):
                if level not in columns:
                    _warn(f"an index in the column {level!r}, which the table does not have")
                    return
                self.columns.append(level)
                self.unnamed |= {level} if name is None else set()
            elif (level.start, level.step, name) == (0, 1, None) and len(levels) == 1:
                return  # it counts the rows
            elif len(level) != n_rows:
                _warn(f"an index of {len(level)} labels for its {n_rows} rows")
                return
            elif n_rows * _BYTES_OF_LABEL > memory_budget(None):
                raise ValueError(
                    f"the {n_rows} labels of its index do not fit into half of the free memory: "
                    "write the table without index, or in several files"
                )
            sources.append(level)
        if not sources:
            return
        values = [x if isinstance(x, range) else _labels(columns[x]) for x in sources]
        self.sample_ids = index_labels(
            values[0] if len(values) == 1 else list(zip(*values, strict=True)),
            any(name is not None for _, name in levels),
            "the index of the table",
        )


def _levels(table: Any) -> list[tuple[str | range, Any]]:
    """Return the column or the range of each level of an index, and the name of the level."""
    names = {
        column.get("field_name", column["name"]): column["name"]
        for column in table.get("columns", [])
    }
    levels: list[tuple[str | range, Any]] = []
    for level in table["index_columns"]:
        if isinstance(level, str):
            levels.append((level, names[level]))
        else:
            values = range(level["start"], level["stop"], level["step"])
            len(values)  # OverflowError for a range that no table can have
            levels.append((values, level["name"]))
    return levels


def _labels(column: Any) -> list[Any]:
    import pandas

    labels: list[Any] = pandas.Index(column[:]).tolist()
    return labels


def _warn(reason: str) -> None:
    warnings.warn(
        f"the table has {reason}: its samples have no ids. Pass ids=, or write the table anew with "
        "pandas",
        UserWarning,
        stacklevel=stacklevel_of_caller(),
    )
