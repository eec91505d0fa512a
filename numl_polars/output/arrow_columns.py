"""Attributes of a batch as Arrow arrays: buffers shared where dtype and layout allow."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from numl_polars.objects.batch import Array, Attribute, ObjectBatch
from numl_polars.output.arrow_schema import OWN_FIELDS, OWN_NAMES, ColumnForm
from numl_polars.output.samples import Samples, has_all_nodes, tensor_bytes

Int64s = NDArray[np.int64]
RECORD_BATCH_BYTES = 1 << 23
MAX_OFFSET = 2**31 - 1


def record_batches(
    objects: ObjectBatch, forms: Sequence[ColumnForm], schema: pa.Schema
) -> list[pa.RecordBatch]:
    """Record batches of the objects, of no more than `RECORD_BATCH_BYTES` of tensors or of a single object.

    Raises
    ------
    ValueError
        A value is one that the `compact` of its attribute does not hold.
    """
    if not len(objects):
        return []
    num_bytes, whole = tensor_bytes(objects), has_all_nodes(objects)
    found = []
    for start, stop in pairwise(_cuts(num_bytes)):
        own = [
            pa.array(objects.names[start:stop], pa.string()),
            pa.array(num_bytes[start:stop]),
            pa.array(whole[start:stop]),
            *(pa.nulls(stop - start, field.type) for field in OWN_FIELDS[3:]),
        ]
        columns = [
            _column(attribute, form, start, stop)
            for attribute, form in zip(objects.attributes, forms, strict=True)
        ]
        found.append(pa.RecordBatch.from_arrays([*own, *columns], schema=schema))
    return found


def sample_columns(samples: Samples, num_objects: int) -> list[pa.Array]:
    """Split of each object, and its place in it."""
    split = np.full(num_objects, None, object)
    sample = np.full(num_objects, -1, np.int32)
    for name, rows in samples.items():
        split[rows], sample[rows] = name, np.arange(len(rows))
    return [pa.array(split, pa.string()), pa.array(sample, mask=sample < 0)]


def with_samples(
    batch: pa.RecordBatch, columns: Sequence[pa.Array], start: int, schema: pa.Schema
) -> pa.RecordBatch:
    """Record batch whose objects, from row `start` of the file on, have their samples from `columns`.

    Objects behind the end of `columns` are in no split.
    """
    arrays = list(batch.columns)
    own = [column.slice(start, len(batch)) for column in columns]
    arrays[len(OWN_NAMES) - 2 : len(OWN_NAMES)] = [
        pa.concat_arrays([column, pa.nulls(len(batch) - len(column), column.type)]) for column in own
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cuts(num_bytes: Int64s) -> list[int]:
    """First object of each record batch, and the number of objects."""
    cuts, held = [0], 0
    for i, size in enumerate(num_bytes.tolist()):
        if held and held + size > RECORD_BATCH_BYTES:
            cuts.append(i)
            held = 0
        held += size
    return [*cuts, len(num_bytes)]


def _column(attribute: Attribute, form: ColumnForm, start: int, stop: int) -> pa.Array:
    if attribute.offsets is None:
        return pa.array(_stored(attribute.values[start:stop], form))
    offsets = attribute.offsets[start : stop + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    offsets = offsets - first
    kind = form.field.type
    if form.form == "rows":
        rows = attribute.values[first:last]
        rows = np.zeros(last - first, form.stored) if 0 in form.row_shape else _stored(rows, form)
        return _list(kind, offsets, _nested(kind.value_type, rows), form)
    edges = _stored(attribute.values[:, first:last], form)
    if form.form == "pairs":
        pair = kind.value_type
        ends = pa.StructArray.from_arrays([pa.array(edges[0]), pa.array(edges[1])], fields=list(pair))
        return _list(kind, offsets, ends, form)
    outer, inner = source_runs(edges[0], offsets)
    run = kind.value_type
    targets = _list(run.field("targets").type, inner, pa.array(edges[1]), form)
    runs = pa.StructArray.from_arrays([pa.array(edges[0][inner[:-1]]), targets], fields=list(run))
    return _list(kind, outer, runs, form)


def source_runs(source: Array, offsets: Int64s) -> tuple[Int64s, Int64s]:
    """Runs of edges with one source, as offsets: int64 (objects + 1,) runs of each object, and (runs + 1,).

    Parameters
    ----------
    source
        int (edges,).
    offsets
        int64 (objects + 1,): edges of each object, from 0 on.
    """
    is_first = np.ones(len(source), np.bool_)
    is_first[1:] = source[1:] != source[:-1]
    is_first[offsets[:-1][np.diff(offsets) > 0]] = True
    inner = np.append(np.flatnonzero(is_first), len(source))
    return np.searchsorted(inner[:-1], offsets), inner


def _stored(values: Array, form: ColumnForm) -> Array:
    """Values in the dtype in which they are stored, contiguous."""
    if form.stored != form.dtype:
        compact = values.astype(form.stored)
        if not np.array_equal(compact, values, equal_nan=values.dtype.kind == "f"):
            wrong = values[compact != values].ravel()[0]
            raise ValueError(f"'{form.name}' has the value {wrong}, which {form.stored} does not hold")
        return compact
    return np.ascontiguousarray(values, form.stored)


def _nested(kind: pa.DataType, rows: Array) -> pa.Array:
    """Rows as nested lists of fixed sizes."""
    if rows.ndim == 1:
        return pa.array(rows)
    inner = rows.reshape((len(rows) * rows.shape[1], *rows.shape[2:]))
    return pa.Array.from_buffers(kind, len(rows), [None], children=[_nested(kind.value_type, inner)])


def _list(kind: pa.DataType, offsets: Int64s, values: pa.Array, form: ColumnForm) -> pa.Array:
    if offsets[-1] > MAX_OFFSET:
        raise ValueError(
            f"'{form.name}' has {offsets[-1]:,} rows in one batch, more than an Arrow list holds"
        )
    buffers = [None, pa.py_buffer(offsets.astype(np.int32))]
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers, children=[values])
