"""The people of the demonstration, and the links by which one looks around as one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from traceability.operations.accounts.demonstration import HOST, demo_link, invent
from traceability.operations.accounts.people import Person, find_login, load_person
from traceability.operations.accounts.roles import Role
from traceability.operations.node import Node
from traceability.store.engine import Store


@dataclass(frozen=True, slots=True)
class Somebody:
    """An invented person.

    Attributes:
        key: what stands before the host in the name for signing in.
        name: in both languages: a person has one name.
        party: key of the party; None for the administrator of the node.
        what: what they are, for the list of links; empty for whom there is none.
        tries: what to look at first.
    """

    key: str
    name: str
    party: str | None
    role: Role
    what: str = ""
    tries: str = ""


_R: Final = Role
PEOPLE: Final = (
    Somebody(
        "producer", "Yang Caiyun 杨彩云", "greens", _R.MANAGER, "vegetable farm", "answer a shopper’s report"
    ),
    Somebody("worker", "He Shan 和山", "greens", _R.WORKER, "vegetable farm", "record a harvest"),
    Somebody("packer", "Zhou Lan 周岚", "packer", _R.WORKER, "packing house", "print labels of a lot"),
    Somebody("quality", "Duan Qi 段琪", "packer", _R.MANAGER),
    Somebody(
        "carrier", "Ma Tie 马铁", "haulier", _R.WORKER, "haulier", "verify what was done about an alarm"
    ),
    Somebody("driver", "Long Qin 龙琴", "haulier", _R.WORKER),
    Somebody("canteen", "Deng Li 邓丽", "canteen", _R.MANAGER, "canteen", "acknowledge a recall notice"),
    Somebody("retailer", "Liu Wen 刘雯", "supermarket", _R.MANAGER),
    Somebody("authority", "Fang Jing 方静", "authority", _R.MANAGER, "authority", "approve a recall drill"),
    Somebody("inspector", "Tan Hao 谭浩", "authority", _R.WORKER, "authority", "trace a lot of pork"),
    Somebody("laboratory", "Xia Bing 夏冰", "laboratory", _R.WORKER, "laboratory", "enter a result"),
    Somebody("bank", "Jin Yu 金瑜", "bank", _R.VIEWER, "bank", "see that others’ goods are hidden"),
    Somebody("administrator", "Gao Ming 高明", None, _R.ADMINISTRATOR, "this node", "read the audit trail"),
)


def let_in(store: Store, node: Node, parties: Mapping[str, str]) -> dict[str, Person]:
    """Write them down, where they are not; all of them by their keys."""
    with store.transaction() as tx:
        return {
            each.key: invent(
                tx, node, each.key, each.name, parties[each.party] if each.party else None, each.role
            )
            for each in PEOPLE
        }


def new_links(store: Store, node: Node) -> list[tuple[Somebody, str]]:
    """A new link for each of them who has a task; those of before end. Empty while they are not there."""
    with store.transaction() as tx:
        found = [(each, find_login(tx.connection, f"{each.key}{HOST}")) for each in PEOPLE if each.what]
        made = [(each, demo_link(tx, node, user)) for each, user in found if user is not None]
    return [(each, link) for each, link in made if link is not None]


def find_people(store: Store, node: Node) -> Iterator[tuple[Somebody, Person]]:
    """Those of them who are there."""
    with store.reading() as connection:
        for each in PEOPLE:
            user = find_login(connection, f"{each.key}{HOST}")
            if user is not None:
                yield each, load_person(connection, node, user)
