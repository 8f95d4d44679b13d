"""The order of an answer, and which things it keeps when there are more than were asked for.

One event names a thousand things for nothing, and such names could fill an answer before the goods
behind them are told. So each process and packing has its first, then each its second, and so on: whose
events name a thousand things each waits for those that name a few. In a turn, what leads on comes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.packing import Inside, LinkRow

Found: TypeAlias = tuple[int, int, int]
"""A thing, its depth and its time."""


def in_order(depths: Mapping[int, int], since: Mapping[int, int]) -> list[Found]:
    """What was reached, by depth, earliest time and number."""
    levels: dict[int, list[int]] = {}
    for thing, depth in depths.items():
        levels.setdefault(depth, []).append(thing)
    found = []
    for depth, level in sorted(levels.items()):
        level.sort()
        level.sort(key=since.__getitem__)
        found += [(thing, depth, since[thing]) for thing in level]
    return found


def choose(
    found: Sequence[Found],
    most: int,
    starts: Collection[int],
    leading: Collection[int],
    links: Iterable[LinkRow],
    packed: Iterable[Inside],
) -> list[Found]:
    """At most ``most`` of what was found, in its order.

    Args:
        starts, leading: what the walk began with, which is always kept, and what is known to lead on.
        links, packed: by which things were reached.
    """
    said: dict[int, set[int]] = {}
    for src, kind, _, dst in links:
        thing, process = (src, dst) if kind == LinkKind.INPUT else (dst, src)
        said.setdefault(thing, set()).add(process)
    for child, parent, _, _ in packed:
        said.setdefault(child, set()).add(parent)
        said.setdefault(parent, set()).add(child)
    turns, ranked = Counter[int](), []
    for place, (thing, _, _) in enumerate(found):
        groups = said.get(thing, ())
        turns.update(groups)
        # What several say has the best of its turns: one who names too much takes no place of another's.
        turn = 0 if thing in starts else min((turns[group] for group in groups), default=1)
        ranked.append((turn, thing not in leading, place))
    ranked.sort()
    return [found[place] for place in sorted(place for _, _, place in ranked[:most])]
