"""A node's folder: its name, its keys, its policy; made once by ``init``.

node.json        name and format version
policy           what verifiers pin: log key and registrar key (docs/formats.md, Policy)
keys/log.pem         signs checkpoints
keys/registrar.pem   signs the key statements of parties
keys/secret          32 bytes: from it come receipts to devices, custody of parties' keys, salts of records
lock.sqlite      the newest signed checkpoint; never restored from a backup
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from traceability import identifiers
from traceability.errors import ConflictError, SettingsError
from traceability.ledger import note
from traceability.secretfiles import read_secret, write_new
from traceability.signing.keys import PrivateKey, salt_key
from traceability.verification.policy import Policy, format_policy, parse_policy

FORMAT: Final = 1


@dataclass(frozen=True)
class Node:
    """One node. Each key is read when it is needed first: the log's by the publisher alone."""

    folder: Path
    name: str

    @property
    def origin(self) -> str:
        """The name of the node's log."""
        return identifiers.log_origin(self.name)

    @property
    def lock_path(self) -> Path:
        """The lock database: the newest checkpoint that was signed."""
        return self.folder / "lock.sqlite"

    @cached_property
    def log_key(self) -> PrivateKey:
        """Signs checkpoints."""
        return PrivateKey.from_pem(read_secret(self.folder / "keys" / "log.pem"), None)

    @cached_property
    def registrar_key(self) -> PrivateKey:
        """Signs parties' key statements."""
        return PrivateKey.from_pem(read_secret(self.folder / "keys" / "registrar.pem"), None)

    @cached_property
    def secret(self) -> bytes:
        """32 bytes from which receipt keys, the custody key and the salts of records are derived."""
        return bytes.fromhex(read_secret(self.folder / "keys" / "secret").decode("ascii"))

    @cached_property
    def salt_key(self) -> bytes:
        """32 bytes from which the salts of records are made."""
        return salt_key(self.secret)

    @cached_property
    def policy_text(self) -> str:
        """The node's own policy, as a verifier pins it."""
        return (self.folder / "policy").read_text("ascii")

    @cached_property
    def policy(self) -> Policy:
        """The node's own policy."""
        return parse_policy(self.policy_text)


def init_node(folder: Path, name: str | None = None) -> Node:
    """Make a node: a name for ever, and its keys.

    Args:
        folder: made with mode 0700 if it is not there.
        name: a host name that no other node has; a random one if not given.

    Raises:
        ConflictError: the folder already holds a node, or what is left of one.
    """
    if (folder / "node.json").exists():
        raise ConflictError(f"{folder} already holds a node")
    if left := [path for path in secret_files(folder) if path.exists()]:
        raise ConflictError(
            f"{left[0]} is there but {folder / 'node.json'} is not: restore that file from your copy, or, "
            f"if no node ever ran here, remove {folder / 'keys'}"
        )
    chosen = identifiers.parse_node_name(name or f"node-{secrets.token_hex(4)}.example")
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    log, registrar = PrivateKey.generate(), PrivateKey.generate()
    write_new(keys / "log.pem", log.to_pem(None), 0o600)
    write_new(keys / "registrar.pem", registrar.to_pem(None), 0o600)
    write_new(keys / "secret", secrets.token_bytes(32).hex().encode("ascii"), 0o600)
    origin = identifiers.log_origin(chosen)
    policy = Policy(
        log=note.VerifierKey(origin, note.ED25519, log.public),
        registrar=note.VerifierKey(f"{chosen}/registrar", note.ED25519, registrar.public),
    )
    write_new(folder / "policy", format_policy(policy).encode("ascii"), 0o644)
    write_new(
        folder / "node.json", json.dumps({"format": FORMAT, "name": chosen}).encode("ascii") + b"\n", 0o644
    )
    return Node(folder, chosen)


def load_node(folder: Path) -> Node:
    """The node in a folder.

    Raises:
        SettingsError: there is none, or it was written by a later version.
    """
    try:
        described = json.loads((folder / "node.json").read_text("ascii"))
    except FileNotFoundError:
        raise SettingsError(f"{folder} holds no node yet: run `traceability init`, or set FT_DATA") from None
    if described.get("format") != FORMAT:
        raise SettingsError(f"{folder} was written by another version (format {described.get('format')})")
    return Node(folder, identifiers.parse_node_name(described["name"]))


def secret_files(folder: Path) -> list[Path]:
    """The files that only the node's own user may read."""
    return [folder / "keys" / name for name in ("log.pem", "registrar.pem", "secret")]
