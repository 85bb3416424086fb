"""A look into an ONNX file without the `onnx` package: what it takes, what it gives, and whether it is harmless.

ONNX Runtime would tell names and shapes too, but only after it has run a stranger's graph through its optimiser. So a
small protobuf reader (field numbers as in onnx.proto3) walks the file first and refuses what could reach outside of it
or never end: external data, operators of other domains, functions, and control flow but for a Scan along an input. It
also refuses a graph in which something takes what nothing gives, which a runtime would only say when it opens the file.

A Scan turns once for each row of all that it walks along. One of these must be an input of the graph, or inside of
another Scan a row of one: so all turns together are at most as many as an input has numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

FIELDS_MAX = 200_000
"""Fields read before a file is refused: bounds the walk to about half a second on a slow core."""

DEPTH_MAX = 2
"""Scans, one inside of another."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DTYPES = {1: "float32", 7: "int64", 6: "int32", 9: "bool", 11: "float64"}
_DOMAINS = ("", "ai.onnx")


class Refused(Exception):
    """The file is not ONNX, or holds what a bundle may not hold. The text says what."""


@dataclass(frozen=True)
class Port:
    """One input or output. Symbolic axes keep their names."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str


@dataclass(frozen=True)
class Graph:
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    operators: tuple[str, ...]
    """Operator of every node, in order; those inside of a Scan after all around it."""


@dataclass
class _Node:
    operator: str = ""
    takes: list[str] = field(default_factory=list)
    gives: list[str] = field(default_factory=list)
    bodies: list[memoryview] = field(default_factory=list)
    """Graphs inside of it."""
    scanned: int = 0
    """Of a Scan: how many of its inputs, the last ones, it walks along."""


@dataclass(frozen=True)
class _Scope:
    """What is around a graph: nothing, or a Scan."""

    depth: int = 0
    given: frozenset[str] = frozenset()
    rows: tuple[bool, ...] = ()
    """Of the graph's last inputs: whether each is a row of an input."""


_OUTSIDE = _Scope()


def read_graph(data: bytes) -> Graph:
    """The graph in `data`; Refused where it is damaged or could be dangerous."""
    return _Reader(memoryview(data)).model()


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.left = FIELDS_MAX

    def model(self) -> Graph:
        graph = None
        for number, value in self.fields(self.data):
            if number == 7:
                graph = self.graph(_submessage(value))
            elif number == 8:
                self.opset(_submessage(value))
            elif number in (20, 25):
                raise Refused("it defines functions or training steps of its own")
        if graph is None:
            raise Refused("it holds no graph")
        return graph

    def opset(self, data: memoryview) -> None:
        for number, value in self.fields(data):
            if number == 1:
                _check_domain(_text(value))

    def graph(self, data: memoryview, around: _Scope = _OUTSIDE) -> Graph:
        inputs, outputs, nodes = [], [], []
        initialised = set()
        for number, value in self.fields(data):
            if number == 1:
                nodes.append(self.node(_submessage(value)))
            elif number == 5:
                initialised.add(self.tensor(_submessage(value)))
            elif number == 11:
                inputs.append(self.port(_submessage(value)))
            elif number == 12:
                outputs.append(self.port(_submessage(value)))
            elif number == 15:
                raise Refused("it holds sparse tensors")
        ports = tuple(port for port in inputs if port.name not in initialised)
        taken = {name for node in nodes for name in node.takes} | {port.name for port in outputs}
        given = around.given | initialised | {port.name for port in inputs}
        given |= {name for node in nodes for name in node.gives} | {""}  # "" is an optional input left out
        walked = {port.name for port in ports}
        if around.depth:  # states come first
            walked = {port.name for port, is_row in zip(inputs[::-1], around.rows[::-1], strict=False) if is_row}
        operators = [node.operator for node in nodes]
        for node in nodes:
            for body in node.bodies:
                operators += self.body(node, body, _Scope(around.depth + 1, given), walked)
        if missing := sorted(taken - given):
            raise Refused(f"nothing in it gives {missing[0][:40]!r}")
        return Graph(ports, tuple(outputs), tuple(operators))

    def body(self, node: _Node, data: memoryview, scope: _Scope, walked: set[str]) -> tuple[str, ...]:
        """Operators of the graph inside a node, which may be a Scan along one of `walked`."""
        if node.operator != "Scan" or len(node.bodies) > 1:
            raise Refused("it holds control flow (a graph inside a node that is no Scan)")
        if scope.depth > DEPTH_MAX:
            raise Refused(f"it holds Scans inside of Scans, more than {DEPTH_MAX} deep")
        first = max(0, len(node.takes) - node.scanned)
        rows = tuple(name in walked for name in node.takes[first:])
        if not any(rows):
            raise Refused("it holds a Scan that walks along no input")
        return self.graph(data, replace(scope, rows=rows)).operators

    def node(self, data: memoryview) -> _Node:
        node, names = _Node(), list[str]()
        for number, value in self.fields(data):
            if number == 1:
                node.takes.append(_text(value))
            elif number == 2:
                node.gives.append(_text(value))
            elif number == 3:
                _text(value)  # its name, which a runtime puts into its messages
            elif number == 4:
                node.operator = _text(value)
            elif number == 5:
                names.append(self.attribute(_submessage(value), node))
            elif number == 7:
                _check_domain(_text(value))
        if len(set(names)) < len(names):  # which one counts is anybody's guess
            raise Refused("a node has the same attribute twice")
        return node

    def attribute(self, data: memoryview, node: _Node) -> str:
        """Its name; what it says of a graph inside is added to `node`."""
        name, whole = "", 0
        for number, value in self.fields(data):
            if number == 1:
                name = _text(value)
            elif number == 3 and isinstance(value, int):
                whole = value
            elif number in (5, 10):
                self.tensor(_submessage(value))
            elif number in (6, 11):
                node.bodies.append(_submessage(value))
            elif number in (22, 23):
                raise Refused("it holds sparse tensors")
        if name == "num_scan_inputs":
            node.scanned = whole
        return name

    def tensor(self, data: memoryview) -> str:
        name = ""
        for number, value in self.fields(data):
            if number == 8:
                name = _text(value)
            elif number == 13 or (number == 14 and value != 0):
                raise Refused("it keeps weights in external data")
        return name

    def port(self, data: memoryview) -> Port:
        name, dtype = "", ""
        shape: list[int | str] = []
        for number, value in self.fields(data):
            if number == 1:
                name = _text(value)
            elif number == 2:
                dtype, shape = self.tensor_type(_submessage(value))
        return Port(name, tuple(shape), dtype)

    def tensor_type(self, data: memoryview) -> tuple[str, list[int | str]]:
        dtype = ""
        shape: list[int | str] = []
        for outer, tensor in self.fields(data):
            if outer != 1:
                raise Refused("an input or output is no plain tensor")
            for number, value in self.fields(_submessage(tensor)):
                if number == 1:
                    dtype = _DTYPES.get(value, f"type {value}") if isinstance(value, int) else ""
                elif number == 2:
                    shape = [self.axis(_submessage(v)) for n, v in self.fields(_submessage(value)) if n == 1]
        return dtype, shape

    def axis(self, data: memoryview) -> int | str:
        for number, value in self.fields(data):
            if number == 1 and isinstance(value, int):
                return value
            if number == 2:
                return _text(value)
        return "?"

    def fields(self, data: memoryview) -> Iterator[tuple[int, "int | memoryview"]]:
        """Every field of one message: (number, varint or bytes). Fixed-width numbers are passed over."""
        at, end = 0, len(data)
        while at < end:
            self.left -= 1
            if self.left < 0:
                raise Refused(f"it has more than {FIELDS_MAX} fields")
            key, at = _varint(data, at)
            number, kind = key >> 3, key & 7
            if kind == _VARINT:
                value, at = _varint(data, at)
                yield number, value
            elif kind == _BYTES:
                size, at = _varint(data, at)
                if size > end - at:
                    raise Refused("it is truncated or not ONNX")
                yield number, data[at : at + size]
                at += size
            elif kind in (_FIXED64, _FIXED32):
                at += 8 if kind == _FIXED64 else 4
            else:
                raise Refused("it is damaged or not ONNX")
        if at != end:
            raise Refused("it is truncated or not ONNX")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Refused("it is truncated or not ONNX")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise Refused("it is damaged or not ONNX")


def _submessage(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise Refused("it is damaged or not ONNX")
    return value


def _text(value: int | memoryview) -> str:
    try:
        text = bytes(_submessage(value)[:1024]).decode()
    except UnicodeDecodeError as error:
        raise Refused("it is damaged or not ONNX") from error
    if not text.isprintable():
        raise Refused(f"a name in it is not printable, {text[:40]!r}")
    return text


def _check_domain(domain: str) -> None:
    if domain not in _DOMAINS:
        raise Refused(f"it uses operators of another domain, {domain[:40]!r}")
