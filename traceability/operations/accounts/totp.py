"""Codes of an app (TOTP, RFC 6238: SHA-1, six digits, half a minute) and recovery codes in their place.

A code counts once: a time step is taken only if it is later than the last one taken (RFC 6238 5.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyotp import TOTP
from sqlalchemy import delete

from traceability.errors import SignInError, TamperError
from traceability.operations.accounts.people import change_person, genuine_row
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.operations.sealing import secret_mac
from traceability.signing.keys import table_key
from traceability.store.accounts import RecoveryCode
from traceability.store.engine import AnyRow, Transaction
from traceability.store.rows import insert_all

STEP_MS: Final = 30_000
SKEW: Final = 1
"""Steps by which the clock of a phone may be off."""
SECRET_BYTES: Final = 20
RECOVERY_CODES: Final = 10
_KEY: Final = "totp"
_NONCE: Final = 12


def new_secret(node: Node, session: bytes) -> bytes:
    """The secret that a session is shown when it sets up an app: kept nowhere before that is done."""
    return hmac.digest(table_key(node.secret, "totp-setup"), session, hashlib.sha256)[:SECRET_BYTES]


def app_address(node: Node, login: str, secret: bytes) -> str:
    """What the QR code holds for the app: ``otpauth://totp/...``."""
    return _totp(secret).provisioning_uri(name=login, issuer_name=node.name)


def show_secret(secret: bytes) -> str:
    """The secret for who types it in: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def set_up(tx: Transaction, node: Node, actor: Actor, user: str, secret: bytes, code: str) -> list[str]:
    """Take an app into use, once it has shown that it computes the same; former recovery codes end.

    Returns:
        Recovery codes, to be shown once.

    Raises:
        SignInError: the code does not match.
    """
    step = matching_step(secret, code, tx.now_ms)
    if step is None:
        raise SignInError("the code does not match", remedy="Look at the phone's clock, and type the next.")
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + AESGCM(table_key(node.secret, _KEY)).encrypt(nonce, secret, user.encode())
    change_person(tx, node, user, totp=sealed, totp_step=step)
    note(tx, actor, "second-factor-set-up", user)
    return new_recovery_codes(tx, node, user)


def remove(tx: Transaction, node: Node, actor: Actor, user: str) -> None:
    """Forget a person's app and recovery codes; who must have one sets up another before any right counts."""
    change_person(tx, node, user, totp=None)
    tx.connection.execute(delete(RecoveryCode).where(RecoveryCode.user == user))
    note(tx, actor, "second-factor-removed", user)


def new_recovery_codes(tx: Transaction, node: Node, user: str) -> list[str]:
    """Ten codes of 80 bits, each good once, in the place of those of before."""
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    tx.connection.execute(delete(RecoveryCode).where(RecoveryCode.user == user))
    insert_all(tx, RecoveryCode, [{"id": _recovery(node, user, code), "user": user} for code in codes])
    return ["-".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in codes]


def take_code(tx: Transaction, node: Node, user: str, code: str) -> bool:
    """Whether a code is one of the person's app, or a recovery code; if so it is used up.

    Raises:
        TamperError: the person's row is not as this node wrote it.
    """
    row = genuine_row(tx.connection, node, user, lock=True)
    if row.totp is None:
        return False
    step = matching_step(_secret(node, row), code, tx.now_ms)
    if step is not None:
        if step <= row.totp_step:
            return False
        change_person(tx, node, user, totp_step=step)
        return True
    plain = code.replace("-", "").replace(" ", "").lower()
    used = delete(RecoveryCode).where(
        RecoveryCode.id == _recovery(node, user, plain), RecoveryCode.user == user
    )
    return tx.connection.execute(used).rowcount == 1


def matching_step(secret: bytes, code: str, now_ms: int) -> int | None:
    """The newest time step of about now whose code this is."""
    now, totp = now_ms // STEP_MS, _totp(secret)
    steps = range(now + SKEW, now - SKEW - 1, -1)
    return next((n for n in steps if hmac.compare_digest(totp.generate_otp(n), _ascii(code))), None)


def _secret(node: Node, row: AnyRow) -> bytes:
    sealed: bytes = row.totp
    try:
        return AESGCM(table_key(node.secret, _KEY)).decrypt(sealed[:_NONCE], sealed[_NONCE:], row.id.encode())
    except InvalidTag:
        raise TamperError(f"the secret of {row.login}'s app was not sealed by this node") from None


def _recovery(node: Node, user: str, code: str) -> bytes:
    return secret_mac(node, "recovery-codes", f"{user} {code}")


def _ascii(code: str) -> str:
    return code if code.isascii() else ""


def _totp(secret: bytes) -> TOTP:
    return TOTP(base64.b32encode(secret).decode())
