"""Parquet, Arrow and saved datasets: what they refuse, and how much of a file is read."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from helpers import format_files as files

from isorep._formats import batch_cursors, parquet
from isorep._formats.arrow import _BatchFile, open_arrow
from isorep._formats.pandas_index import PandasIndex
from isorep._formats.parquet import open_parquet
from isorep._formats.saved_dataset import open_saved_dataset
from isorep.storage import load, open_store


def write_file(table, path):
    with pyarrow.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


WRITE = {".parquet": pyarrow.parquet.write_table, ".arrow": write_file}
DAYS = ("2020-01-01 00:00:00", "2020-01-02 00:00:00")
OPEN = {".parquet": open_parquet, ".arrow": open_arrow}
each_suffix = pytest.mark.parametrize("suffix", WRITE)


def written(tmp_path, suffix, **columns):
    path = tmp_path / f"table{suffix}"
    WRITE[suffix](pyarrow.table(columns), path)
    return path


@each_suffix
@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            [[1.0, 2.0], [3.0, 4.0], [5.0]],
            "row 2 of column 'x' is a list of 1 values, and row 0 has 2",
        ),
        ([[1.0, 2.0], None, [5.0, 6.0]], "row 1 of column 'x' is missing"),
        ([[[1], [2]], [[3], [4]], [[5], [6, 7]]], "row 2 of column 'x' is a list of 2 values"),
        ([[[1], [2]], [[3]], [[5], [6]]], "row 1 of column 'x' is a list of 1 values"),
        ([[1, 2], [3, None], [5, 6]], r"row 1 of column 'x' is missing \(null\)"),
    ],
)
def test_ragged_lists_are_refused_where_they_are(tmp_path, suffix, values, text):
    path = written(tmp_path, suffix, x=values, y=[[1.0], [2.0], [3.0]])
    with pytest.raises(ValueError, match=text):
        load(path, layers="x", reduce="mean", channels="last")
    np.testing.assert_array_equal(load(path, layers="y")["y"], [[1], [2], [3]])


@each_suffix
def test_a_missing_number_is_nan(tmp_path, suffix):
    path = written(tmp_path, suffix, x=[[1.0, None], [3.0, 4.0]], y=[None, 2.5])
    with pytest.warns(UserWarning, match="left out"):
        np.testing.assert_array_equal(load(path)["x"], [[1, np.nan], [3, 4]])
    np.testing.assert_array_equal(load(path, layers="y")["y"], [[np.nan], [2.5]])


@each_suffix
def test_missing_labels_are_refused(tmp_path, suffix):
    path = written(tmp_path, suffix, x=[[1.0], [3.0]], label=["cat", None], number=[None, 1])
    for name in ("label", "number"):
        with pytest.raises(ValueError, match=rf"row \d of column '{name}' is missing"):
            load(path, layers="x", labels=name)


@each_suffix
def test_other_types_are_left_out_or_named(tmp_path, suffix):
    path = written(
        tmp_path,
        suffix,
        x=[[1.0, 2.0], [3.0, 4.0]],
        image=[{"bytes": b"1"}, {"bytes": b"2"}],
        day=pyarrow.array([0, 1], pyarrow.date32()),
        moment=pyarrow.array([0, 1], pyarrow.timestamp("ms", tz="UTC")),
        flag=[True, False],
    )
    with pytest.warns(UserWarning, match=r"left out: image \(2,\) object, day .*, moment .*, flag"):
        load(path)
    with pytest.raises(
        ValueError, match="column 'image' holds struct<bytes: binary>; expected num"
    ):
        load(path, layers="x", labels="image")
    columns = OPEN[suffix](path).layers
    assert columns["moment"].dtype == "M8[ms]"
    np.testing.assert_array_equal(
        columns["day"][:], np.array(["1970-01-01", "1970-01-02"], "M8[D]")
    )
    np.testing.assert_array_equal(columns["flag"][1:], [False])


@each_suffix
def test_tensors_have_their_axes(tmp_path, suffix):
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensors = pyarrow.FixedShapeTensorArray.from_numpy_ndarray(values)
    kind = pyarrow.fixed_shape_tensor(pyarrow.float32(), (4, 3), permutation=[1, 0])
    turned = pyarrow.ExtensionArray.from_storage(
        kind,
        pyarrow.FixedSizeListArray.from_arrays(values.transpose(0, 2, 1).ravel(), 12),
    )
    columns = OPEN[suffix](written(tmp_path, suffix, plain=tensors, turned=turned)).layers
    for column in columns.values():
        assert column.shape == values.shape
        np.testing.assert_array_equal(column[1:], values[1:])


@each_suffix
def test_a_pandas_index(tmp_path, suffix):
    import pandas

    frame = pandas.DataFrame({"a": [0.5, 1.5], "b": [2.5, 3.5]})
    write = {".parquet": "to_parquet", ".arrow": "to_feather"}[suffix]
    path = tmp_path / f"frame{suffix}"
    for index, ids in (
        (None, None),
        (pandas.Index([0, 1]), None),  # it only counts the rows
        (pandas.RangeIndex(5, 9, 2), ("5", "7")),
        (pandas.RangeIndex(2, name="image"), ("0", "1")),
        (pandas.Index([7, 0]), ("7", "0")),
        (pandas.to_datetime(["2020-01-01", "2020-01-02"]).as_unit("ns"), DAYS),
        (pandas.Index(["cat", "dog"]), ("cat", "dog")),
        (pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)]), ("('a', 1)", "('b', 2)")),
    ):
        getattr(frame if index is None else frame.set_index(index), write)(path)
        reps = load(path)
        assert reps.sample_ids == ids
        np.testing.assert_array_equal(reps["frame"], [[0.5, 2.5], [1.5, 3.5]])


def test_columns_of_one_name(tmp_path):
    table = pyarrow.Table.from_arrays([pyarrow.array([1.0]), pyarrow.array([2.0])], ["x", "x"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="columns with different names, got 'x' twice"):
        load(tmp_path / "a.parquet")


def test_a_name_that_begins_like_another(tmp_path):
    values = {"block": [[1.0], [2.0]], "block.fc": [[3.0], [4.0]], "block.fc.x": [[5.0], [6.0]]}
    reps = load(written(tmp_path, ".parquet", **values))
    assert {name: array.tolist() for name, array in reps.items()} == values


@each_suffix
def test_what_is_no_such_file(tmp_path, suffix):
    path = written(tmp_path, suffix, x=np.arange(1000.0))
    content = path.read_bytes()
    for bad in (b"", b"hello world, this is no table", content[: len(content) // 2], content[:-3]):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=rf"table{suffix}'.*expected an? (parquet|Arrow) file"):
            load(path)


def test_a_stream_that_is_cut(tmp_path):
    path = tmp_path / "a.arrow"
    files.write_arrow_stream(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(files.IDS[4].encode())])
    with pytest.raises(ValueError, match=r"a.arrow'.*expected an Arrow file or stream"):
        load(path)


def test_offsets_beyond_the_file(tmp_path):
    path = written(tmp_path, ".arrow", x=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    offsets = np.array([0, 2, 4, 6], np.int32).tobytes()
    content = path.read_bytes()
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, np.array([0, 2, 4, 2**30], np.int32).tobytes()))
    with pytest.raises(ValueError, match=r"table.arrow'.*column|table.arrow'.*[Oo]ffset"):
        load(path)


def test_only_the_row_groups_of_the_rows_are_read(tmp_path, monkeypatch):
    files.write_arrow_parquet(tmp_path / "a.parquet")
    stored = open_store(tmp_path / "a.parquet", layers="lists")
    iter_batches = pyarrow.parquet.ParquetFile.iter_batches
    decoded = []

    def count(file, batch_size, row_groups, columns, **options):
        decoded.append((row_groups, columns))
        return iter_batches(file, batch_size, row_groups, columns, **options)

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "iter_batches", count)
    np.testing.assert_array_equal(stored["lists"][3:4], files.WIDE[3:4])
    assert decoded == [([1], ["lists"])]
    assert stored["lists"].chunk == 2


def test_a_table_is_opened_once_for_all_its_columns(tmp_path, monkeypatch):
    values = {f"unit{i}": files.WIDE[:, i] for i in range(5)}
    stored = open_store(written(tmp_path, ".parquet", **values))["table"]
    opened = []
    open_file = pyarrow.parquet.ParquetFile.__init__

    def count(file, path, **options):
        opened.append(path)
        open_file(file, path, **options)

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "__init__", count)
    np.testing.assert_array_equal(stored[1:4], files.WIDE[1:4])
    assert len(opened) == 1


def test_a_folder_of_parts(tmp_path):
    for i in range(12):
        part = pyarrow.table({"a": [float(i), i + 0.5], "b": [-float(i), 1.0]})
        pyarrow.parquet.write_table(part, tmp_path / f"part-{i}.parquet")
    stored = open_store(tmp_path)[tmp_path.name]
    np.testing.assert_array_equal(stored[:][:, 0], np.arange(24) / 2)
    np.testing.assert_array_equal(stored[19:22], [[9.5, 1], [10, -10], [10.5, 1]])
    pyarrow.parquet.write_table(part.select(["b"]), tmp_path / "part-11.parquet")
    with pytest.raises(ValueError, match=r"others in part-11.parquet than in part-0.parquet"):
        load(tmp_path)
    (tmp_path / "part-5.parquet").unlink()
    with pytest.raises(ValueError, match="5"):
        load(tmp_path)


def test_a_folder_of_several_tables(tmp_path):
    for name in ("train-00000-of-00001", "test-00000-of-00001"):
        pyarrow.parquet.write_table(pyarrow.table({"a": [1.0]}), tmp_path / f"{name}.parquet")
    with pytest.raises(ValueError, match="one table, got parquet files of test, train: pass one"):
        load(tmp_path)


def test_a_large_row_group_is_decoded_in_parts(tmp_path):
    values = np.arange(2**20, dtype=np.float64).reshape(-1, 8)
    column = pyarrow.FixedSizeListArray.from_arrays(values.ravel(), 8)
    path = tmp_path / "a.parquet"
    options = {"compression": "none", "use_dictionary": False, "row_group_size": len(values)}
    pyarrow.parquet.write_table(pyarrow.table({"x": column}), path, **options)
    array = open_store(path)["x"]
    pool = pyarrow.proxy_memory_pool(pyarrow.default_memory_pool())
    default = pyarrow.default_memory_pool()
    pyarrow.set_memory_pool(pool)
    try:
        np.testing.assert_array_equal(array[70_000:70_010], values[70_000:70_010])
    finally:
        pyarrow.set_memory_pool(default)
    assert pool.max_memory() < values.nbytes / 2


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_damage_elsewhere_does_not_matter(tmp_path, kind):
    """Rows are read without the record batches that do not hold them."""
    path = tmp_path / "a.arrow"
    new = {"file": pyarrow.ipc.new_file, "stream": pyarrow.ipc.new_stream}[kind]
    column = pyarrow.array([f"word{i:04}" for i in range(100)])
    table = pyarrow.table({"word": column})
    with new(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    path.write_bytes(path.read_bytes().replace(b"word0055", b"\xff" * 8))
    words = open_arrow(path).layers["word"]
    assert words[20:40].tolist() == column[20:40].to_pylist()
    with pytest.raises(ValueError, match="UTF8"):
        words[50:60]


def test_a_dataset_of_splits(tmp_path):
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    with pytest.raises(
        ValueError, match=r"splits train, test: pass the folder of a split, such as "
    ):
        load(tmp_path)


def test_a_damaged_dataset(tmp_path):
    path = tmp_path / "data"
    files.write_saved_dataset(path)
    (path / "data-00001-of-00002.arrow").rename(tmp_path / "elsewhere.arrow")
    with pytest.raises(ValueError, match=r"incomplete: data-00001-of-00002.arrow is missing"):
        open_saved_dataset(path)
    for content, text in (
        ("{", "state.json is damaged"),
        ("{}", "it has no '_data_files'"),
        ('{"_data_files": 3}', "'_data_files' is 3; expected list"),
        ('{"_data_files": []}', "lists no file"),
        ('{"_data_files": [], "_indices_data_files": [{}]}', "in another order"),
        ('{"_data_files": [{"filename": "../elsewhere.arrow"}]}', "names of files, got '../else"),
    ):
        (path / "state.json").write_text(content)
        with pytest.raises(ValueError, match=text):
            open_saved_dataset(path)


def test_files_of_a_dataset_with_other_columns(tmp_path):
    path = tmp_path / "data"
    files.write_saved_dataset(path)
    write_file(pyarrow.table({"x": [1.0]}), path / "data-00001-of-00002.arrow")
    with pytest.raises(ValueError, match=r"same columns in all files, got .* and x "):
        open_saved_dataset(path)


@each_suffix
def test_a_range_that_counts_the_rows_makes_no_labels(tmp_path, suffix, monkeypatch):
    import pandas

    from isorep._formats import pandas_index

    path = tmp_path / f"frame{suffix}"
    write = {".parquet": "to_parquet", ".arrow": "to_feather"}[suffix]
    monkeypatch.setattr(pandas_index, "index_labels", None)
    getattr(pandas.DataFrame({"a": [0.5, 1.5], "b": [2.5, 3.5]}), write)(path)
    assert load(path).sample_ids is None


def with_pandas_metadata(path, metadata, n_rows=2):
    table = pyarrow.table({"a": np.arange(n_rows) / 2})
    metadata = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    pyarrow.parquet.write_table(table.replace_schema_metadata({b"pandas": metadata}), path)


def range_of(start, stop, step=1):
    level = {"kind": "range", "name": None, "start": start, "stop": stop, "step": step}
    return {"index_columns": [level], "columns": []}


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (b"{", "metadata of pandas that cannot be read, JSONDecodeError"),
        (b"[" * 10**5, "metadata of pandas that cannot be read, since it is nested too deeply"),
        ([], "metadata of pandas that cannot be read, AttributeError"),
        ({"index_columns": ["image"]}, "metadata of pandas that cannot be read, KeyError: 'image'"),
        (
            {"index_columns": ["image"], "columns": [{"name": "image"}]},
            "an index in the column 'image', which the table does not have",
        ),
        (range_of(5, 10**12), "an index of 999999999995 labels for its 2 rows"),
        (range_of(5, 10**30), "metadata of pandas that cannot be read, OverflowError"),
        (range_of(5, 7, 0), "metadata of pandas that cannot be read, ValueError"),
    ],
)
def test_a_pandas_index_that_is_lost_is_reported(tmp_path, metadata, text):
    with_pandas_metadata(tmp_path / "a.parquet", metadata)
    with pytest.warns(UserWarning, match=f"the table has {text}.*its samples have no ids"):
        assert load(tmp_path / "a.parquet").sample_ids is None


def test_errors_of_an_index_column_are_raised(tmp_path):
    with_pandas_metadata(
        tmp_path / "a.parquet",
        {"index_columns": ["a"], "columns": [{"name": "a", "field_name": "a"}]},
    )
    path = tmp_path / "a.parquet"

    class Column:
        def __getitem__(self, rows):
            raise TypeError("a fault in reading")

    schema = pyarrow.parquet.read_schema(path)
    with pytest.raises(TypeError, match="a fault in reading"):
        PandasIndex(schema, {"a": Column()}, 2)


def test_labels_of_more_rows_than_memory_are_refused(tmp_path):
    with_pandas_metadata(tmp_path / "a.parquet", range_of(5, 10**12 + 5))
    schema = pyarrow.parquet.read_schema(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="1000000000000 labels of its index do not fit"):
        PandasIndex(schema, {}, 10**12)
    with_pandas_metadata(tmp_path / "a.parquet", range_of(0, 10**12))
    schema = pyarrow.parquet.read_schema(tmp_path / "a.parquet")
    assert PandasIndex(schema, {}, 10**12).sample_ids is None


@pytest.mark.parametrize("write", [files.write_arrow_file, files.write_arrow_stream])
def test_rows_of_an_arrow_file_are_counted_in_one_column(tmp_path, monkeypatch, write):
    write(tmp_path / "a.arrow")
    reader = _BatchFile._reader
    selected = []

    def note(file, numbers=()):
        selected.append(list(numbers))
        return reader(file, numbers)

    monkeypatch.setattr(_BatchFile, "_reader", note)
    file = _BatchFile(tmp_path / "a.arrow")
    assert file.n_rows == len(files.IDS)
    assert [len(numbers) for numbers in selected] == [0, 1]  # the schema, the rows
    with file._batches(file.schema.names[1:2]) as batches:
        assert next(batches).schema.names == file.schema.names[1:2]


@each_suffix
def test_a_file_is_closed_when_its_values_are_refused(tmp_path, suffix):
    column = OPEN[suffix](written(tmp_path, suffix, x=[[1.0, 2.0], [3.0]])).layers["x"]
    closed = []
    read = column._read

    def watched(*arguments):
        try:
            yield from read(*arguments)
        finally:
            closed.append(True)

    column._read = watched
    with pytest.raises(ValueError, match="row 1 of column 'x' is a list of 1 values") as caught:
        column[:]
    assert closed == [True]
    assert caught.value.__traceback__ is not None  # which keeps the frames of the reader


def test_a_partitioned_folder(tmp_path):
    x = np.arange(12.0)
    table = pyarrow.table({"u": x, "animal": list("aabbaabbccca"), "day": [2, 10] * 6})
    pyarrow.parquet.write_to_dataset(table, tmp_path / "rates", partition_cols=["animal", "day"])
    reps = load(tmp_path / "rates", layers="u", groups="animal", labels="day")
    order = [0, 4, 1, 5, 11, 2, 6, 3, 7, 8, 10, 9]  # by animal, day and row
    np.testing.assert_array_equal(reps["rates"][:, 0], x[order])
    assert "".join(reps.groups) == "aaaaabbbbccc"
    assert reps.labels.tolist() == [2, 2, 10, 10, 10, 2, 2, 10, 10, 2, 2, 10]
    stored = open_store(tmp_path / "rates", layers="u", groups="animal")
    np.testing.assert_array_equal(stored["rates"][3:7], reps["rates"][3:7])
    (tmp_path / "rates" / "animal=a" / "day=2").rename(tmp_path / "rates" / "animal=a" / "hour=2")
    with pytest.raises(ValueError, match=r"folders of the same columns, .* got animal, day for"):
        load(tmp_path / "rates")


def test_a_partition_without_a_value(tmp_path):
    table = pyarrow.table({"u": [1.0, 2.0], "animal": ["a", None]})
    pyarrow.parquet.write_to_dataset(table, tmp_path / "rates", partition_cols=["animal"])
    with pytest.raises(ValueError, match=r"partition 'animal=__HIVE.*' has no value of 'animal'"):
        load(tmp_path / "rates")


def write_stream(table, path):
    with pyarrow.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)


@pytest.mark.parametrize(
    ("suffix", "write"), [(".parquet", pyarrow.parquet.write_table), (".arrow", write_stream)]
)
def test_a_pass_over_the_rows_reads_each_batch_once(tmp_path, monkeypatch, suffix, write):
    x = np.arange(4000.0).reshape(1000, 4)
    path = tmp_path / f"a{suffix}"
    write(pyarrow.table({"fc": list(x), "other": list(-x)}), path)
    opened = []
    advance = batch_cursors._Cursor.__init__
    monkeypatch.setattr(
        batch_cursors._Cursor,
        "__init__",
        lambda self, *arguments: (opened.append(self), advance(self, *arguments))[1],
    )
    contents = OPEN[suffix](path)
    columns, sign = [contents.layers[name] for name in ("fc", "other")], (1, -1)
    opened.clear()
    for i in range(0, 1000, 30):
        for k in range(2):
            np.testing.assert_array_equal(columns[k][i : i + 30], sign[k] * x[i : i + 30])
    assert len(opened) == 2  # one pass for each column
    for rows in (slice(500, 520), slice(3, 5), slice(4, 200), slice(999, 1000), slice(0, 0)):
        np.testing.assert_array_equal(columns[0][rows], x[rows])
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda i: columns[0][i : i + 50], range(0, 1000, 50))
        np.testing.assert_array_equal(np.concatenate(list(parts)), x)


def test_threads_take_turns_at_a_parquet_file(tmp_path, monkeypatch):
    x = np.arange(4000.0).reshape(1000, 4)
    opened, reading = parquet._opened, Lock()

    class File:
        """A file that refuses what makes pyarrow crash: a second thread in the same file."""

        def __init__(self, path):
            self._file = opened(path)

        def iter_batches(self, *arguments, **options):
            batches = self._file.iter_batches(*arguments, **options)
            while True:
                assert reading.acquire(blocking=False)
                time.sleep(0.001)
                batch = next(batches, None)
                reading.release()
                if batch is None:
                    return
                yield batch

    column = open_parquet(written(tmp_path, ".parquet", fc=list(x))).layers["fc"]
    monkeypatch.setattr(parquet, "_opened", File)
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda i: column[i : i + 50], range(0, 1000, 50))
        np.testing.assert_array_equal(np.concatenate(list(parts)), x)
