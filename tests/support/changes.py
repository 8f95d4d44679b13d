"""Changes to a JSON value by somebody on the way: one character, number, member or element at a time."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any


def changes(raw: Any) -> Iterator[tuple[str, Any]]:
    """Every change of one character, number, member or element; what may be withheld stays: disclosures,
    and the proof of times as a whole."""
    chance = random.Random(1)
    for path in paths(raw):
        value = at(raw, path)
        where = "/".join(map(str, path))
        if isinstance(value, str):
            for position in positions(len(value), chance):
                other = "B" if value[position] == "A" else "A"
                yield (
                    f"{where}[{position}]",
                    changed(raw, path, value[:position] + other + value[position + 1 :]),
                )
            yield f"{where} shortened", changed(raw, path, value[:-1])
        elif isinstance(value, int):
            yield f"{where} + 1", changed(raw, path, value + 1)
            yield f"{where} - 1", changed(raw, path, value - 1)
            yield f"{where} as truth", changed(raw, path, True)
        elif isinstance(value, dict):
            yield f"{where} with another member", changed(raw, path, value | {"extra": "x"})
            for name in value.keys() - {"times"}:
                yield (
                    f"{where} without {name}",
                    changed(raw, path, {k: v for k, v in value.items() if k != name}),
                )
        elif isinstance(value, list):
            yield from list_changes(raw, path, where, value)


def list_changes(raw: Any, path: tuple[Any, ...], where: str, value: list[Any]) -> Iterator[tuple[str, Any]]:
    for i in range(len(value)):
        if path[:1] != ("disclosures",):
            yield f"{where} without {i}", changed(raw, path, value[:i] + value[i + 1 :])
        yield f"{where} with {i} twice", changed(raw, path, [*value[: i + 1], *value[i:]])
        if i and value[i] != value[i - 1]:
            yield (
                f"{where} with {i} before",
                changed(raw, path, [*value[: i - 1], value[i], value[i - 1], *value[i + 1 :]]),
            )


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from paths(item, (*path, name))


def at(raw: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        raw = raw[step]
    return raw


def changed(raw: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy along the path only, with another value at its end."""
    if not path:
        return value
    top = copy.copy(raw)
    top[path[0]] = changed(raw[path[0]], path[1:], value)
    return top


def positions(length: int, chance: random.Random) -> list[int]:
    if length <= 12:
        return list(range(length))
    edge, inner = (8, 24) if length > 64 else (1, 2)
    middle = range(edge, length - edge)
    return [*range(edge), *chance.sample(middle, min(inner, len(middle))), *range(length - edge, length)]
