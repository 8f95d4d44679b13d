"""Who must have cosigned a checkpoint: witnesses, groups of them, and the quorum asked for.

    witness X1, witness X2, witness X3        one key, one machine, one vote
    group X 2 of X1 X2 X3                     witnesses when two of its members do
    group both all of X Y                     members may be groups that were defined before
    quorum both                               or the name of one witness, or none

A cosignature says when it was made, so a quorum has a time of its own: the newest time at or
after which enough were made. Of a group of k it is the k-th newest of its members' times; for
``all`` that is the oldest, for ``any`` the newest.

Names are octets, kept as text with what is not UTF-8 escaped (PEP 383): no two names become one.

Source: C2SP tlog-policy; docs/adr/0020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from traceability.errors import BundleError
from traceability.ledger import note

NONE: Final = "none"
"""The quorum that asks for no cosignature; no witness and no group has this name."""
COMPLETE: Final = "complete"
"""The group of full witnesses: those that have read, checked and kept all of what they cosign."""
MAX_WITNESSES: Final = 32
MAX_GROUPS: Final = 32
"""As many as tlog-policy recommends to support; a note carries 64 signatures."""
_REMEDY: Final = "Take the policy again from somebody you trust; its form is in docs/formats.md."


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness under its name in the policy; the URL is for those who ask it to cosign."""

    name: str
    key: note.VerifierKey
    url: str | None = None

    def __post_init__(self) -> None:
        _require_name(self.name)
        if self.key.kind != note.COSIGNATURE_V1:
            raise policy_error(f"the key of witness {self.name!r} is not one for cosignatures (type 4)")


@dataclass(frozen=True, slots=True)
class Group:
    """A group witnesses when at least ``threshold`` of its members do."""

    name: str
    threshold: int
    members: tuple[str, ...]

    def __post_init__(self) -> None:
        _require_name(self.name)
        if not 1 <= self.threshold <= len(self.members):
            raise policy_error(
                f"group {self.name!r} asks for {self.threshold} of its {len(self.members)} members"
            )


@dataclass(frozen=True, slots=True)
class Quorum:
    """What a policy says of witnesses.

    Attributes:
        witnesses: at most 32; no public key stands twice.
        groups: at most 32; the members of each are witnesses, or groups before it. A name is a
            member of one group at most, so that nobody counts twice.
        wanted: the name of a witness or group, or ``none``.

    Raises:
        BundleError: one of these does not hold.
    """

    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()
    wanted: str = NONE

    def __post_init__(self) -> None:
        if len(self.witnesses) > MAX_WITNESSES or len(self.groups) > MAX_GROUPS:
            raise policy_error(f"a policy has at most {MAX_WITNESSES} witnesses and {MAX_GROUPS} groups")
        self._require_distinct_keys()
        known = self._require_members()
        if self.wanted != NONE and self.wanted not in known:
            raise policy_error(f"the quorum {self.wanted!r} is not defined before")

    @property
    def asks(self) -> bool:
        """Whether any cosignature is asked for."""
        return self.wanted != NONE

    def as_of(self, times: Mapping[str, int]) -> int | None:
        """The largest T such that cosignatures at or after T meet the quorum.

        Args:
            times: by name of witness, the time of its newest cosignature that counts.

        Returns:
            T, in the unit of ``times``; None if the quorum is not met, or not asked for.
        """
        return self._reached(times).get(self.wanted)

    def counted(self, times: Mapping[str, int], wanted: str | None = None) -> tuple[str, ...]:
        """The witnesses by which the quorum is met as of its time, in the policy's order.

        Args:
            wanted: another group than the quorum.
        """
        reached, wanted = self._reached(times), wanted or self.wanted
        as_of = reached.get(wanted)
        if as_of is None:
            return ()
        return self._below(wanted, lambda name: name in reached and reached[name] >= as_of)

    def complete(self, times: Mapping[str, int]) -> tuple[str, ...]:
        """The witnesses by which the group ``complete`` is met; none if it is not, or there is none."""
        named = any(group.name == COMPLETE for group in self.groups)
        return self.counted(times, COMPLETE) if named else ()

    def missing(self, times: Mapping[str, int]) -> tuple[str, ...]:
        """The witnesses that keep the quorum from being met: none of a group that has enough."""
        reached = self._reached(times)
        if not self.asks or self.wanted in reached:
            return ()
        return self._below(self.wanted, lambda name: name not in reached)

    def _reached(self, times: Mapping[str, int]) -> dict[str, int]:
        """By name, as of when each witness and group has witnessed; who has not is left out."""
        reached = {w.name: times[w.name] for w in self.witnesses if w.name in times}
        for group in self.groups:
            newest = sorted((reached[name] for name in group.members if name in reached), reverse=True)
            if len(newest) >= group.threshold:
                reached[group.name] = newest[group.threshold - 1]
        return reached

    def _below(self, top: str, follow: Callable[[str], bool]) -> tuple[str, ...]:
        """The witnesses under a group, going down only to the members that ``follow`` allows."""
        names = {top}
        for group in reversed(self.groups):
            if group.name in names:
                names.update(filter(follow, group.members))
        return tuple(w.name for w in self.witnesses if w.name in names)

    def _require_distinct_keys(self) -> None:
        holders: dict[bytes | tuple[str, bytes], str] = {}
        for witness in self.witnesses:
            key = witness.key
            for mark in (key.key.raw, (key.name, key.key_id)):
                other = holders.setdefault(mark, witness.name)
                if other != witness.name:
                    raise policy_error(
                        f"witnesses {other!r} and {witness.name!r} have one key, or keys that a note "
                        "cannot tell apart: one machine must not count twice"
                    )

    def _require_members(self) -> set[str]:
        """Refuse names that stand twice and members that do not stand before; all names."""
        known: set[str] = set()
        placed: set[str] = set()
        items: tuple[Witness | Group, ...] = (*self.witnesses, *self.groups)
        for item in items:
            for member in item.members if isinstance(item, Group) else ():
                if member not in known:
                    raise policy_error(f"member {member!r} of group {item.name!r} is not defined before")
                if member in placed:
                    raise policy_error(f"{member!r} is a member for a second time")
                placed.add(member)
            if item.name in known:
                raise policy_error(f"the name {item.name!r} stands twice")
            known.add(item.name)
        return known


NO_WITNESSES: Final = Quorum()
"""``quorum none``."""


def shown(name: str) -> str:
    """A name for people: octets that a screen cannot show, or that would change it, as ``\\xNN``."""
    return "".join(char if char.isprintable() else _escaped(char) for char in name)


def policy_error(text: str) -> BundleError:
    """The refusal of a policy."""
    return BundleError(text, remedy=_REMEDY)


def _escaped(char: str) -> str:
    return "".join(f"\\x{octet:02x}" for octet in char.encode("utf-8", "surrogateescape"))


def _require_name(name: str) -> None:
    if not name or name == NONE or any(char <= " " or char == "\x7f" for char in name):
        raise policy_error(f"not the name of a witness or group: {name!r}")
