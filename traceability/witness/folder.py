"""A witness's folder, made once by ``traceability witness init``.

witness.pem      its key: whoever reads it can cosign anything in its name
witness.sqlite   its memory; never restored from a copy (see memory.py)
witness.lock     held while it runs
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from traceability.errors import ConflictError, SettingsError
from traceability.holding import holding
from traceability.ledger.note import COSIGNATURE_V1, VerifierKey
from traceability.secretfiles import read_secret, write_new
from traceability.signing.keys import PrivateKey
from traceability.witness import memory

_KEY: Final = "witness.pem"
MEMORY: Final = "witness.sqlite"
_LOCK: Final = "witness.lock"


def init_witness(folder: Path, name: str, *, full: bool = False) -> VerifierKey:
    """Make a witness: a key of its own, and an empty memory.

    Args:
        full: whether it checks and keeps what the logs hold; what a key stands for never changes.
        folder: made with mode 0700 if it is not there.
        name: a URL without its scheme, ``witness.example/w1``; need not be reachable.

    Raises:
        MalformedError: the name cannot stand in a note.
        ConflictError: the folder holds a witness, or what is left of one; a key is never used twice.
    """
    key = PrivateKey.generate()
    verifier = VerifierKey(name, COSIGNATURE_V1, key.public)
    if left := [path for path in (folder / _KEY, folder / MEMORY) if path.exists()]:
        raise ConflictError(f"{left[0]} is there already", remedy="Choose another folder for a new witness.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_new(folder / _KEY, key.to_pem(None), 0o600)
    memory.create(folder / MEMORY, name, full=full)
    return verifier


def load_key(folder: Path) -> PrivateKey:
    """The witness's key.

    Raises:
        SettingsError: there is none, or others can read it.
    """
    if not (folder / _KEY).exists():
        raise SettingsError(
            f"{folder} holds no witness", remedy="Make one, once: traceability witness init --help."
        )
    return PrivateKey.from_pem(read_secret(folder / _KEY), None)


@contextmanager
def open_memory(folder: Path, *, checkpoints: bool = False) -> Iterator[memory.Memory]:
    """The witness's memory; the running witness alone opens it with ``checkpoints``.

    Raises:
        SettingsError: it is missing, or of another version.
    """
    opened = memory.Memory(folder / MEMORY, checkpoints=checkpoints)
    try:
        yield opened
    finally:
        opened.close()


def alone(folder: Path) -> AbstractContextManager[None]:
    """Hold the folder: two witnesses never run on one memory.

    Raises:
        SettingsError: another one does.
    """
    return holding(
        folder / _LOCK,
        f"another witness runs on {folder}",
        "End that one first, or choose another folder.",
    )
