# SPDX-License-Identifier: Apache-2.0
"""Every place of a wire type, by reflection, and every way to put words there.

A :class:`Place` is a path of field names, list elements and free-form members, found by walking the msgspec structs
that an API reads. :func:`planted` puts any JSON value there, in each body of a set of innocent ones, and fills in
what is missing on the way. :data:`CARRIERS` are the shapes in which a JSON value can carry words: text, names,
numbers, pieces. Nothing here knows an API.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

Step = str | int
Path = tuple[Step, ...]

ELEMENT: Final = "[]"
"""The step into a list."""
MEMBER: Final = "{}"
"""The step into an object whose names the sender chooses."""


_info = functools.cache(inspect.type_info)


def places(type_: Any) -> list[tuple[str, ...]]:
    """Every place of a wire type, outermost first: each field, each element, each free-form member."""
    return list(dict.fromkeys(_places(_info(type_), (), ())))


def _places(info: inspect.Type, path: tuple[str, ...], above: tuple[type, ...]) -> Iterator[tuple[str, ...]]:
    match info:
        case inspect.UnionType(types):
            for one in types:
                yield from _places(one, path, above)
        case inspect.StructType(cls=cls, fields=fields):
            assert cls not in above, f"{cls.__name__} holds itself: bound the walk"
            for field in fields:
                yield (*path, field.encode_name)
                yield from _places(field.type, (*path, field.encode_name), (*above, cls))
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            yield (*path, ELEMENT)
            yield from _places(item, (*path, ELEMENT), above)
        case inspect.DictType(value_type=value):
            yield (*path, MEMBER)
            yield from _places(value, (*path, MEMBER), above)
        case _:
            return


def objects(type_: Any) -> list[tuple[str, ...]]:
    """The places at which an object of the API stands: a struct, the outermost one included."""
    found: list[tuple[str, ...]] = []

    def walk(info: inspect.Type, path: tuple[str, ...]) -> None:
        match info:
            case inspect.UnionType(types):
                for one in types:
                    walk(one, path)
            case inspect.StructType(fields=fields):
                found.append(path)
                for field in fields:
                    walk(field.type, (*path, field.encode_name))
            case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
                walk(item, (*path, ELEMENT))
            case _:
                return

    walk(_info(type_), ())
    return list(dict.fromkeys(found))


# ---- planting ----------------------------------------------------------------------------------------------------


def planted(bodies: Iterable[Any], type_: Any, place: tuple[str, ...], value: Any) -> Iterator[Any]:
    """Copies of the bodies with ``value`` at the place: in every element that a list on the way has.

    Where a body lacks the way, it is laid: an object gets what it requires, a list one element.
    """
    for body in bodies:
        for path in _ways(body, place):
            copied = copy.deepcopy(body)
            _lay(copied, _info(type_), path, value)
            yield copied


def _ways(body: Any, place: tuple[str, ...]) -> list[Path]:
    """The place as paths into this body, one for each element of each list on the way."""
    ways: list[tuple[Path, Any]] = [((), body)]
    for step in place:
        further: list[tuple[Path, Any]] = []
        for path, at in ways:
            if step == ELEMENT:
                rows = at if isinstance(at, list) and at else [None]
                further += [((*path, i), row) for i, row in enumerate(rows)]
            else:
                further.append(((*path, step), at.get(step) if isinstance(at, dict) else None))
        ways = further
    return [path for path, _ in ways]


def _lay(at: Any, info: inspect.Type, path: Path, value: Any) -> None:
    step, rest = path[0], path[1:]
    below = _below(info, step)
    if not rest:
        _put(at, step, value)
        return
    found = at[step] if isinstance(at, list) and isinstance(step, int) and step < len(at) else None
    if isinstance(at, dict):
        found = at.get(str(step))
    wanted = _container(below, rest[0])
    if not isinstance(found, type(wanted)):
        found = wanted
        _put(at, step, found)
    _lay(found, below, rest, value)


def _put(at: Any, step: Step, value: Any) -> None:
    if isinstance(at, list):
        assert isinstance(step, int)
        at[step : step + 1] = [value]
    else:
        at[step] = value


def _below(info: inspect.Type, step: Step) -> inspect.Type:
    """The type one step further in. Of a union, the member that has this step."""
    match info:
        case inspect.UnionType(types):
            for one in types:
                found = _below(one, step)
                if not isinstance(found, inspect.AnyType):
                    return found
            return inspect.AnyType()
        case inspect.StructType(fields=fields):
            return next((field.type for field in fields if field.encode_name == step), inspect.AnyType())
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item) if isinstance(step, int):
            return item
        case _:
            return inspect.AnyType()


def _container(info: inspect.Type, step: Step) -> Any:
    """What must stand here for ``step`` to lead on: a list, or an object with what it requires."""
    if isinstance(step, int):
        return []
    return _required(info, step) or {}


def _required(info: inspect.Type, step: Step) -> Any:
    match info:
        case inspect.UnionType(types):
            return next((made for one in types if (made := _required(one, step))), {})
        case inspect.StructType(fields=fields) if any(field.encode_name == step for field in fields):
            return {field.encode_name: _innocent(field.type) for field in fields if field.required}
        case _:
            return {}


def _innocent(info: inspect.Type) -> Any:
    match info:
        case inspect.UnionType(types):
            return _innocent(types[0])
        case inspect.StrType():
            return "x"
        case inspect.StructType(fields=fields):
            return {field.encode_name: _innocent(field.type) for field in fields if field.required}
        case inspect.ListType():
            return []
        case inspect.DictType():
            return {}
        case _:
            return 1


# ---- what carries words ------------------------------------------------------------------------------------------

Carrier = Callable[[str], Any]


def _bytes(words: str) -> list[int]:
    return list(words.encode())


def _escaped(words: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in words)


CARRIERS: Final[dict[str, Carrier]] = {
    "a text": lambda words: words,
    "a text in escapes of JSON inside a text": lambda words: f'{{"a": ["{_escaped(words)}"]}}',
    "the pieces of a text in JSON inside a text": lambda words: json.dumps([words[:5], words[5:]]),
    "a text in base64": lambda words: msgspec.json.encode(words.encode()).decode().strip('"'),
    "a list of texts": lambda words: [words],
    "the pieces of a text": lambda words: [words[:5], words[5:]],
    "a name": lambda words: {words: 1},
    "a name in an object in a list": lambda words: [{"a": {words: True}}],
    "a text far down": lambda words: {"a": [{"b": [words]}]},
    "numbers": _bytes,
    "numbers with a point": lambda words: [float(number) for number in _bytes(words)],
    "numbers as names": lambda words: [{str(number): -100} for number in _bytes(words)],
    "numbers as names in an object": lambda words: {"a": [{str(number): -100} for number in _bytes(words)]},
    "numbers under names": lambda words: {f"a{i}": number for i, number in enumerate(_bytes(words))},
    "numbers one to a list": lambda words: [[number] for number in _bytes(words)],
    "numbers in an object": lambda words: {"a": _bytes(words)},
    "numbers in a text": lambda words: json.dumps(_bytes(words)),
}
"""Name of each way in which one JSON value can carry words, and the value."""
