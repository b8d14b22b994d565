"""Python's pickles: their opcodes are read and nothing is ever unpickled.

What an opcode would build is followed as texts: what is put into a list, or into a dict as a tuple,
dict or object of several values, is a record. As a pickle says nowhere what is one, the number of
foreign records is unknown; all of it is looked through at every place, too.
"""

from __future__ import annotations

import io
import pickletools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO, BinaryIO, cast

from backends.content import CHUNK, Bounds, Opaque, Opener, Part, Raw, Source, Stop
from backends.content.apart import Found, as_parts
from backends.content.readers.values import AFTER, BETWEEN, apart, binary, block, moment, text_of

_PROTOCOLS = {2, 3, 4, 5}
_OLD = b"(]}"  # what a pickle of protocols 0 and 1 begins with, where it has records
_FEW, _FEW_OLD = 1, 5  # opcodes that must make sense
_LARGE = 256 << 10  # bytes of a value that is kept together
_OBJECT = 100  # bytes that a value takes beside its own
_ROWS = 1000  # at once
_WIDE = 2**64
_DEEPEST = 1_000_000  # values that wait to be put into something
_COPIES, _FREE = 64, 64 << 20  # times its size, and bytes, that all values of a pickle may have


class Pickle(Opener):
    """Opens a pickle of any protocol, and those after it."""

    name = "pickle"

    def recognises(self, head: bytes) -> bool:
        """Tell by opcodes that make sense as far as they are in sight."""
        new = len(head) > 2 and head[0] == 0x80 and head[1] in _PROTOCOLS
        if not new and head[:1] not in {_OLD[n : n + 1] for n in range(len(_OLD))}:
            return False
        count, kept = 0, False
        try:
            for opcode, _, _ in pickletools.genops(cast("IO[bytes]", _Head(head))):
                count += 1
                kept = kept or "PUT" in opcode.name or opcode.name == "MEMOIZE"
        except EOFError:
            pass
        except (ValueError, UnicodeDecodeError, OverflowError):
            return False
        return count >= _FEW if new else count >= _FEW_OLD and kept

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the records that are made out, and all bytes."""
        file = source.seekable()
        size = file.seek(0, 2)
        file.seek(0)
        try:
            yield from as_parts(_Machine(bounds).run(file, size), bounds)
        except Stop as stop:
            yield Opaque(stop.reason)
        except (ValueError, IndexError, KeyError, OverflowError):
            yield Opaque("damaged-container")
        file.seek(0)
        yield Raw(iter(lambda: file.read(CHUNK), b""))


PICKLE = Pickle()


class _Head(io.BytesIO):
    """The first bytes; what reads beyond them gets an EOFError."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if size is not None and len(data) < size:
            raise EOFError
        return data

    def readline(self, size: int | None = -1, /) -> bytes:
        data = super().readline(size)
        if not data.endswith(b"\n"):
            raise EOFError
        return data


class _Bounded:
    """The document, of which no more is asked for than there is and than may be held."""

    def __init__(self, file: BinaryIO, size: int, most: int) -> None:
        self._file, self._size, self._most = file, size, most

    def read(self, size: int) -> bytes:
        if size > self._most:
            raise Stop("too-large-to-open")
        return self._file.read(size)

    def readline(self) -> bytes:
        return self._file.readline(self._most)

    def tell(self) -> int:
        return self._file.tell()

    def ended(self) -> bool:
        return self._file.tell() >= self._size


@dataclass(slots=True)
class _Value:
    """What would be built: its texts."""

    texts: list[bytes] = field(default_factory=list)
    whole: bool = False  # a tuple, a dict, a list, an object: not a single value
    name: str = ""  # of a class or a function
    size: int = 0

    def add(self, other: _Value) -> None:
        self.texts += other.texts
        self.size += other.size + _OBJECT * len(other.texts)


_MARK = _Value()


class _Machine:
    """Follows the opcodes of pickles."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._stack: list[_Value] = []
        self._memo: dict[int, _Value] = {}
        self._rows: list[bytes] = []
        self._others: list[Found] = []
        self._held = 0
        self._left = 0  # bytes that values may still have

    def run(self, file: BinaryIO, size: int) -> Iterator[Found]:
        """Yield the records of all pickles in a document."""
        bounded = _Bounded(file, size, self._bounds.limits.memory)
        self._left = _COPIES * size + _FREE
        while not bounded.ended():
            for opcode, argument, _ in pickletools.genops(cast("IO[bytes]", bounded)):
                self._step(opcode.name, argument)
                if len(self._stack) > _DEEPEST or self._left < 0:
                    raise Stop("bomb-limit")
                if len(self._rows) >= _ROWS or self._others:
                    yield from self._found()
            for value in self._stack:
                self._row(value)
            yield from self._found()
            self._stack, self._memo = [], {}
            self._bounds.hold(-self._held)
            self._held = 0

    def _found(self) -> Iterator[Found]:
        if self._rows:
            yield block(self._rows)
        yield from self._others
        self._rows, self._others = [], []

    def _row(self, value: _Value) -> None:
        if value.texts:
            self._rows.append(BETWEEN.join(value.texts) + AFTER)

    def _push(self, *texts: bytes, whole: bool = False) -> None:
        self._stack.append(_Value(list(texts), whole, "", sum(map(len, texts))))

    def _keep(self, number: int) -> None:
        """Keep the last value for when it is asked for by this number."""
        kept = self._stack[-1]
        size = _OBJECT + (0 if kept.whole else kept.size)
        self._bounds.hold(size)
        self._held += size
        self._memo[number] = kept

    def _add(self, holder: _Value, value: _Value) -> None:
        holder.add(value)
        self._left -= value.size + _OBJECT

    def _marked(self) -> list[_Value]:
        at = next(n for n in range(len(self._stack) - 1, -1, -1) if self._stack[n] is _MARK)
        found = self._stack[at + 1 :]
        del self._stack[at:]
        return found

    def _several(self, values: list[_Value]) -> None:
        made = _Value(whole=True)
        for value in values:
            self._add(made, value)
        self._stack.append(made)

    def _step(self, name: str, argument: object) -> None:
        stack = self._stack
        if name == "MARK":
            stack.append(_MARK)
        elif name in {"EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_DICT", "EMPTY_SET"}:
            self._push(whole=True)
        elif name in {"TUPLE", "LIST", "DICT", "FROZENSET"}:
            self._several(self._marked())
        elif name in {"TUPLE1", "TUPLE2", "TUPLE3"}:
            count = int(name[-1])
            values = stack[-count:]
            del stack[-count:]
            self._several(values)
        elif name in {"APPEND", "APPENDS", "ADDITEMS"}:
            values = [stack.pop()] if name == "APPEND" else self._marked()
            for value in values:
                self._into(stack[-1], _Value(), value)
        elif name in {"SETITEM", "SETITEMS"}:
            values = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else self._marked()
            for key, value in zip(values[::2], values[1::2], strict=True):
                self._into(stack[-1], key, value)
        elif name == "BUILD":
            state = stack.pop()
            self._add(stack[-1], state)
        elif name in {"REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST"}:
            self._object(name, str(argument or ""))
        elif name in {"GLOBAL", "STACK_GLOBAL"}:
            named = str(argument) if argument else ""
            if name == "STACK_GLOBAL":
                named = b" ".join(t for v in stack[-2:] for t in v.texts).decode("utf-8", "replace")
                del stack[-2:]
            stack.append(_Value(name=named))
        elif name in {"PUT", "BINPUT", "LONG_BINPUT"}:
            self._keep(int(str(argument)))
        elif name == "MEMOIZE":
            self._keep(len(self._memo))
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            kept = self._memo[int(str(argument))]
            stack.append(_Value(whole=True) if kept.whole else kept)
        elif name == "POP":
            self._row(stack.pop())
        elif name == "POP_MARK":
            self._marked()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name not in {"PROTO", "FRAME", "STOP"}:
            self._push(*self._texts(argument))

    def _into(self, holder: _Value, key: _Value, value: _Value) -> None:
        """Put something into a list or a dict: as a record, where it has several values."""
        if value.whole and value.texts:
            key = _Value([*key.texts, *value.texts])
            self._row(key)
            return
        self._add(holder, key)
        self._add(holder, value)
        if holder.size > _LARGE:  # one column after the other, perhaps
            for text in holder.texts:
                self._row(_Value([text]))
            holder.texts, holder.size = [], 0

    def _object(self, name: str, named: str) -> None:
        stack = self._stack
        if name in {"OBJ", "INST"}:
            arguments = _Value(name=named)
            for value in self._marked():
                self._add(arguments, value)
                arguments.name = arguments.name or value.name
        else:
            keywords = stack.pop() if name == "NEWOBJ_EX" else _Value()
            arguments = stack.pop()
            arguments = _Value([*arguments.texts, *keywords.texts], name=stack.pop().name)
        self._left -= _OBJECT * len(arguments.texts)
        texts = [_moment(arguments.name, text) for text in arguments.texts]
        # An object that is made of one value is a value: a decimal, a date, a path.
        stack.append(_Value(texts, whole=len(texts) != 1, size=sum(map(len, texts))))

    def _texts(self, argument: object) -> Iterator[bytes]:
        """Yield the texts of what an opcode brings along."""
        if isinstance(argument, str):
            yield argument.encode("utf-8", "replace")
        elif isinstance(argument, bool):
            yield b"true" if argument else b"false"
        elif isinstance(argument, int):
            yield b"%d" % argument if abs(argument) < _WIDE else b""
            if _WIDE <= argument < _WIDE * _WIDE:
                yield str(uuid.UUID(int=argument)).encode()
        elif isinstance(argument, float):
            yield text_of(argument)
        elif isinstance(argument, bytes | bytearray):
            data = bytes(argument)
            if (other := apart(data)) is not None:
                self._others.append(other)
            else:
                yield binary(data)


def _moment(name: str, text: bytes) -> bytes:
    """Return the text of a date that is pickled as its bytes, as class datetime.date does it."""
    try:
        if name == "datetime date" and len(text) == 4:
            return moment(date(text[0] << 8 | text[1], text[2], text[3]))
        if name == "datetime datetime" and len(text) == 10:
            return moment(datetime(text[0] << 8 | text[1], text[2] & 0x7F, *text[3:7]))  # noqa: DTZ001
    except ValueError:
        pass
    return text
