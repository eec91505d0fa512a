"""Schema of Arrow shards: one row an event, one column an attribute, and what its values were before.

| column | type | |
|---|---|---|
| ``name`` | string | name of the object |
| ``num_bytes`` | int64 | bytes of its tensors |
| ``has_all_nodes`` | bool | no array of it is empty, but for edges |
| ``split``, ``sample`` | string, int32 | its split, and its place there; null: in none, or not merged |
| ``store/attribute`` | | one column an attribute |
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from numl_polars.errors import InputError
from numl_polars.objects.batch import Attribute
from numl_polars.output.layout import GraphMetadata, check_attribute_name

VERSION = 1
KEY = b"numl_polars"
OWN_FIELDS = (
    pa.field("name", pa.string(), nullable=False),
    pa.field("num_bytes", pa.int64(), nullable=False),
    pa.field("has_all_nodes", pa.bool_(), nullable=False),
    pa.field("split", pa.string()),
    pa.field("sample", pa.int32()),
)
OWN_NAMES = tuple(field.name for field in OWN_FIELDS)

Form = Literal["scalar", "rows", "pairs", "by_source"]


@dataclass(frozen=True)
class ColumnForm:
    """How an attribute is stored, and what it is.

    Parameters
    ----------
    name
        ``store/attribute``.
    form
        ``scalar``: one value an object; ``rows``: arrays along their first axis; ``pairs``: (2, E) as
        structs of source and target; ``by_source``: (2, E) as structs of source and targets, one for each
        run of edges with one source.
    dtype, stored
        Of the attribute's arrays, and of the values in the file.
    row_shape
        Shape of a row of ``rows``.
    """

    name: str
    form: Form
    dtype: np.dtype[Any]
    stored: np.dtype[Any]
    row_shape: tuple[int, ...] = ()

    @classmethod
    def of(cls, attribute: Attribute) -> "ColumnForm":
        """Form in which an attribute of a batch is stored.

        Raises
        ------
        ValueError
            Its name, dtype or shape is none that an attribute has.
        """
        check_attribute_name(attribute.name)
        values = attribute.values
        dtype = values.dtype.newbyteorder("=")
        stored = dtype if attribute.compact is None else np.dtype(attribute.compact).newbyteorder("=")
        for kind in (dtype, stored):
            if kind.kind not in "biuf" or kind.itemsize > 8:
                raise ValueError(
                    f"attribute '{attribute.name}' of dtype {kind} cannot be written, only integers, floats "
                    f"of at most 64 bits and booleans"
                )
        if attribute.offsets is None:
            if values.ndim != 1:
                raise ValueError(
                    f"scalar attribute '{attribute.name}' has shape {values.shape}, not (objects,)"
                )
            return cls(attribute.name, "scalar", dtype, stored)
        if attribute.axis == 0:
            return cls(attribute.name, "rows", dtype, stored, values.shape[1:])
        if values.ndim != 2 or len(values) != 2:
            raise ValueError(f"attribute '{attribute.name}' has shape {values.shape}, not (2, edges)")
        return cls(attribute.name, "by_source" if attribute.by_source else "pairs", dtype, stored)

    @property
    def is_edge(self) -> bool:
        """Whether arrays are (2, E)."""
        return self.form in ("pairs", "by_source")

    @property
    def field(self) -> pa.Field:
        """Field of the schema."""
        kind = pa.from_numpy_dtype(self.stored)
        if self.form == "rows":
            # rows without a value are counted by zeros, as Polars reads no lists of size 0
            for length in reversed(() if 0 in self.row_shape else self.row_shape):
                kind = pa.list_(_item(kind), length)
            kind = pa.list_(_item(kind))
        elif self.form == "pairs":
            pair = [pa.field(end, kind, nullable=False) for end in ("source", "target")]
            kind = pa.list_(_item(pa.struct(pair)))
        elif self.form == "by_source":
            targets = pa.field("targets", pa.list_(_item(kind)), nullable=False)
            kind = pa.list_(_item(pa.struct([pa.field("source", kind, nullable=False), targets])))
        said = {"form": self.form, "dtype": self.dtype.str, "stored": self.stored.str}
        return pa.field(
            self.name, kind, nullable=False, metadata={KEY: json.dumps(said | {"row_shape": self.row_shape})}
        )

    @classmethod
    def read(cls, field: pa.Field) -> "ColumnForm":
        """Form that a field of a schema says.

        Raises
        ------
        ValueError
            It says none, or another than its type has.
        """
        try:
            said = json.loads(field.metadata[KEY])
            dtype, stored = np.dtype(said["dtype"]), np.dtype(said["stored"])
            found = cls(field.name, said["form"], dtype, stored, tuple(said["row_shape"]))
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"column '{field.name}' does not say what it holds") from None
        if found.form not in ("scalar", "rows", "pairs", "by_source") or not found.field.equals(field):
            raise ValueError(f"column '{field.name}' holds {field.type}, not what it says")
        return found

    def widened(self, other: "ColumnForm") -> "ColumnForm | None":
        """Form that holds the values of both; None if they differ in more than the stored dtype."""
        if replace(self, stored=other.stored) != other:
            return None
        return replace(self, stored=np.promote_types(self.stored, other.stored))


def _item(kind: pa.DataType) -> pa.Field:
    return pa.field("item", kind, nullable=False)


def make_schema(
    forms: tuple[ColumnForm, ...],
    metadata: GraphMetadata | None,
    *,
    splits: Sequence[str] | None = None,
    compression: str | None = None,
) -> pa.Schema:
    """Schema of a shard with these attributes and this file-level content.

    Parameters
    ----------
    forms, metadata
        Attributes and file-level content.
    splits
        Names of the splits; None: the file has no samples.
    compression
        Of the record batches; None: none.
    """
    content: dict[str, Any] = {"format": VERSION}
    if splits is not None:
        content["splits"] = list(splits)
    if compression is not None:
        content["compression"] = compression
    if metadata is not None:
        content |= {
            "planes": metadata.planes,
            "classes": metadata.class_lists,
            "gen": metadata.gen,
            "provenance": dict(metadata.provenance),
        }
    return pa.schema([*OWN_FIELDS, *(form.field for form in forms)], {KEY: json.dumps(content)})


def schema_fact(schema: pa.Schema, name: str) -> Any:
    """What a schema of `make_schema` says under that name, ``splits`` or ``compression``; None: nothing."""
    return json.loads(schema.metadata[KEY]).get(name)


def read_schema(schema: pa.Schema, path: object) -> tuple[tuple[ColumnForm, ...], GraphMetadata | None]:
    """Attributes and file-level content that a schema says.

    Raises
    ------
    InputError
        It is not that of a training file, or of a later version.
    """
    try:
        content = json.loads((schema.metadata or {})[KEY])
        version = content["format"]
    except (KeyError, TypeError, ValueError):
        names = [f"'{name}'" for name in schema.names]
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "") if names else "no column"
        raise InputError(f"{path} is an Arrow file, but not one of training objects (has {shown})") from None
    if version != VERSION:
        raise InputError(
            f"{path} has version {version} of the format; this program knows version {VERSION} only"
        )
    try:
        if tuple(schema.names[: len(OWN_NAMES)]) != OWN_NAMES:
            raise ValueError(f"its first columns are not {', '.join(OWN_NAMES)}")
        forms = tuple(ColumnForm.read(schema.field(i)) for i in range(len(OWN_NAMES), len(schema)))
        if "planes" not in content:
            return forms, None
        metadata = GraphMetadata.of(content["planes"], content["classes"], content["provenance"])
        return forms, replace(metadata, gen=content["gen"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
