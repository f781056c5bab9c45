"""Pandas index: the labels of the rows that pandas stored beside the columns of an Arrow table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from isorep._utils.table_index import index_labels


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
        try:
            table = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        except (RecursionError, ValueError):
            return  # another program uses the key for something else
        if isinstance(table, dict):
            with suppress(AttributeError, KeyError, TypeError):  # likewise
                self._read(table, columns, n_rows)

    def _read(self, table: dict[str, Any], columns: Mapping[str, Any], n_rows: int) -> None:
        import pandas

        names = {
            column.get("field_name", column["name"]): column["name"]
            for column in table.get("columns", [])
        }
        levels: list[Any] = []
        is_named = False
        for level in table.get("index_columns", []):
            if isinstance(level, str):
                levels.append(pandas.Index(columns[level][:]).tolist())
                is_named |= names[level] is not None
                self.columns.append(level)
                self.unnamed |= {level} if names[level] is None else set()
            else:
                levels.append(range(level["start"], level["stop"], level["step"]))
                is_named |= level["name"] is not None
        if levels and all(len(level) == n_rows for level in levels):
            labels = levels[0] if len(levels) == 1 else list(zip(*levels, strict=True))
            self.sample_ids = index_labels(labels, is_named, "the index of the table")
