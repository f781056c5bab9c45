"""Provenance: tables without it, to compare tables that were made in several ways."""


def without_provenance(table):
    """Return a table without the attribute that says how it was made."""
    attrs = {name: value for name, value in table.attrs.items() if name != "provenance"}
    return table.assign_coords().drop_attrs(deep=False).assign_attrs(attrs)
