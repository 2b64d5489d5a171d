"""Lists as binary arrays of PostgreSQL, for the few types that the ledger's columns have: psycopg asks each element what it is, and takes three times as long.

The form is that of `array_send`: number of dimensions, whether there are NULLs, the type of the elements, length and lower bound, then each with its length
in bytes (-1 for NULL).
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct, pack
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from psycopg import Connection

_HEAD = Struct("!iiIii")
_LENGTH = Struct("!i").pack
_NULL = _LENGTH(-1)


class Texts(list[Any]):
    """Values of a column of text."""


class Floats(list[Any]):
    """Values of a column of double precision."""


class Integers(list[Any]):
    """Values of a column of integer."""


class _ArrayDumper(Dumper):
    format = Format.BINARY
    element_oid: ClassVar[int]

    def dump(self, obj: Any) -> bytes:  # noqa: ANN401  a list of one of the classes above
        has_null = None in obj
        return _HEAD.pack(1, has_null, self.element_oid, len(obj), 1) + self._elements(obj, has_null=has_null)

    def _elements(self, obj: list[Any], *, has_null: bool) -> bytes:
        raise NotImplementedError


class _TextsDumper(_ArrayDumper):
    oid = 1009
    element_oid = 25

    def _elements(self, obj: list[Any], *, has_null: bool) -> bytes:  # noqa: ARG002  asked of each anyway
        parts: list[bytes] = []
        for one in obj:
            if one is None:
                parts.append(_NULL)
            else:
                data = one.encode()
                parts += (_LENGTH(len(data)), data)
        return b"".join(parts)


class _NumbersDumper(_ArrayDumper):
    size: ClassVar[int]
    code: ClassVar[str]

    def _elements(self, obj: list[Any], *, has_null: bool) -> bytes:
        if has_null:
            return b"".join(_NULL if one is None else pack(f"!i{self.code}", self.size, one) for one in obj)
        values = [value for one in obj for value in (self.size, one)]
        return pack("!" + f"i{self.code}" * len(obj), *values)


class _FloatsDumper(_NumbersDumper):
    oid = 1022
    element_oid = 701
    size = 8
    code = "d"


class _IntegersDumper(_NumbersDumper):
    oid = 1007
    element_oid = 23
    size = 4
    code = "i"


_TYPES: dict[bytes, type[list[Any]]] = {b"text": Texts, b"float8": Floats, b"int": Integers}


def column(name: bytes, values: Iterable[Any]) -> list[Any]:
    """Return the values of a column whose type has that name."""
    return _TYPES[name](values)


def register(connection: Connection[Any]) -> None:
    """Have a connection send such columns."""
    for kind, dumper in ((Texts, _TextsDumper), (Floats, _FloatsDumper), (Integers, _IntegersDumper)):
        connection.adapters.register_dumper(kind, dumper)
