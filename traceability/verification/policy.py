"""What a verifier pins beforehand: the log's key, the registrar's key, and who must have cosigned.

The file is a C2SP tlog-policy (one item a line, lines that begin with ``#`` are comments) with one
item more, ``registrar``, which names the key that vouches for parties' keys:

    log node.example/log+5c1f6d4a+AX8w... [URL]
    registrar node.example/registrar+9a1b...+AQ2c...
    witness east witness.east.example+77aa01bc+BFx3... [URL]
    witness west witness.west.example+0f31d2e9+BKq9... [URL]
    group neighbours any east west
    quorum neighbours

Trust comes from here alone: a policy that travels inside a bundle is information.
What this version does not know is refused, never ignored.

Source: C2SP tlog-policy; docs/adr/0004, 0020.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from traceability.errors import TraceabilityError
from traceability.ledger import lines, note
from traceability.verification.quorum import NO_WITNESSES, Group, Quorum, Witness, policy_error

MAX_BYTES: Final = 65_536
_OCTETS: Final = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_WORD: Final = re.compile(r"[^ \t]+")
_VALUES: Final = {"log": (1, 2), "registrar": (1, 1), "witness": (2, 3), "group": (2, 99), "quorum": (1, 1)}
"""How many words stand behind each item, at least and at most; of a group's, its own rules say more."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The pinned keys; ``log.name`` is the log's origin.

    Raises:
        BundleError: the log's or registrar's key is not for signatures of type 1, or a witness's
            key is one of theirs.
    """

    log: note.VerifierKey
    registrar: note.VerifierKey
    quorum: Quorum = NO_WITNESSES
    log_url: str | None = None

    def __post_init__(self) -> None:
        operator = (self.log, self.registrar)
        if any(pinned.kind != note.ED25519 for pinned in operator):
            raise policy_error("the keys of a log and of a registrar are for Ed25519 signatures (type 1)")
        for witness in self.quorum.witnesses:
            if any(pinned.key == witness.key.key for pinned in operator):
                raise policy_error(f"witness {witness.name!r} has the log's or the registrar's own key")
            if (witness.key.name, witness.key.key_id) == (self.log.name, self.log.key_id):
                raise policy_error(f"a note cannot tell the key of witness {witness.name!r} from the log's")

    @property
    def node(self) -> str:
        """The name of the node whose log this is."""
        return self.log.name.removesuffix("/log")


def format_policy(policy: Policy) -> str:
    """The text of a policy file; octets that are not UTF-8 stand escaped in it (surrogateescape)."""
    quorum = policy.quorum
    items = [("log", policy.log.vkey(), policy.log_url), ("registrar", policy.registrar.vkey())]
    items += [("witness", w.name, w.key.vkey(), w.url) for w in quorum.witnesses]
    items += [("group", g.name, _threshold_word(g), *g.members) for g in quorum.groups]
    items.append(("quorum", quorum.wanted))
    return "".join(f"{' '.join(filter(None, item))}\n" for item in items)


def parse_policy(text: str | bytes) -> Policy:
    """Read a policy file.

    Args:
        text: the file's octets, or their text as ``format_policy`` gives it.

    Raises:
        BundleError: an item is missing, stands twice, is not known or does not parse.
    """
    draft = _Draft()
    for number, line in enumerate(_lines(text), 1):
        words: list[str] = _WORD.findall(line)
        if not words or words[0].startswith("#"):
            continue
        try:
            draft.take(words[0], words[1:])
        except TraceabilityError as error:
            raise policy_error(f"policy line {number}: {error}") from error
    return draft.policy()


class _Draft:
    """A policy so far; each line sees only what stands before it."""

    def __init__(self) -> None:
        self.pinned: dict[str, note.VerifierKey] = {}
        self.log_url: str | None = None
        self.quorum = NO_WITNESSES
        self.decided = False

    def take(self, item: str, values: list[str]) -> None:
        """Read one item."""
        if item not in _VALUES:
            raise policy_error(f"{item!r} is not read by this version")
        least, most = _VALUES[item]
        if not least <= len(values) <= most:
            raise policy_error(f"{item!r} with {len(values)} values")
        if item == "witness":
            witness = Witness(values[0], _vkey(values[1]), *values[2:])
            self.quorum = replace(self.quorum, witnesses=(*self.quorum.witnesses, witness))
        elif item == "group":
            group = Group(values[0], _threshold(values[1], len(values) - 2), tuple(values[2:]))
            self.quorum = replace(self.quorum, groups=(*self.quorum.groups, group))
        elif item == "quorum":
            self._decide(values[0])
        else:
            self._pin(item, *values)

    def policy(self) -> Policy:
        """The whole, if nothing is missing."""
        if len(self.pinned) != 2 or not self.pinned["log"].name.endswith("/log"):
            raise policy_error("a policy names one log, whose name ends in /log, and one registrar")
        if not self.decided:
            raise policy_error("a policy has one quorum line; without witnesses it is: quorum none")
        return Policy(self.pinned["log"], self.pinned["registrar"], self.quorum, self.log_url)

    def _decide(self, name: str) -> None:
        if self.decided:
            raise policy_error("'quorum' stands twice")
        self.quorum = replace(self.quorum, wanted=name)
        self.decided = True

    def _pin(self, item: str, vkey: str, url: str | None = None) -> None:
        if item in self.pinned:
            raise policy_error(f"{item!r} stands twice: a policy of this version is for one log")
        self.pinned[item] = _vkey(vkey)
        self.log_url = url or self.log_url


def _lines(text: str | bytes) -> list[str]:
    """The lines of a policy, once its octets are allowed ones and its last line is whole."""
    try:
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise policy_error("a policy is octets; this text has none") from error
    if len(data) > MAX_BYTES:
        raise policy_error(f"a policy has at most {MAX_BYTES} bytes")
    if not _OCTETS.fullmatch(data):
        raise policy_error("a policy has no control characters but tab and newline (no carriage returns)")
    *whole, rest = data.decode("utf-8", "surrogateescape").split("\n")
    if rest:
        raise policy_error("the last line does not end with a newline: the file may be cut off")
    return whole


def _vkey(word: str) -> note.VerifierKey:
    try:
        word.encode("utf-8")
    except UnicodeEncodeError as error:
        raise policy_error(f"not a vkey: {word[:100]!r}") from error
    return note.parse_vkey(word)


def _threshold(word: str, members: int) -> int:
    if word in {"all", "any"}:
        return members if word == "all" else 1
    return lines.decode_integer(word)


def _threshold_word(group: Group) -> str:
    return "all" if group.threshold == len(group.members) else str(group.threshold)
