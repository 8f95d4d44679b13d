"""The part of a NATS configuration that lets nobody in but by the doorkeeper. It holds public keys only.

Source: docs.nats.io, "Auth callout" (server configuration mode).
"""

from __future__ import annotations

from typing import Final

from traceability.doorkeeper.nkeys import Role, name_of
from traceability.operations.node import Node
from traceability.signing.keys import PrivateKey, hkdf

CALLOUT_TIMEOUT_S: Final = 3
"""So long a client waits to be let in, then it is refused, and tries again."""

_USER_INFO: Final = b"food-traceability/broker/doorkeeper/v1"
_ISSUER_INFO: Final = b"food-traceability/broker/issuer/v1"

_TEMPLATE: Final = """\
accounts {{
  SYS: {{ users: [ {{ nkey: {user} }} ] }}
}}
system_account: SYS

authorization {{
  timeout: {timeout}
  auth_callout {{
    issuer: {issuer}
    account: SYS
    auth_users: [ {user} ]
  }}
}}
"""


def user_key(node: Node) -> PrivateKey:
    """The doorkeeper's own key at the broker."""
    return PrivateKey.from_seed(hkdf(node.secret, _USER_INFO))


def issuer_key(node: Node) -> PrivateKey:
    """Signs what the doorkeeper answers."""
    return PrivateKey.from_seed(hkdf(node.secret, _ISSUER_INFO))


def admission_config(node: Node) -> str:
    """The text, to be included in a broker's configuration or in each of a cluster."""
    return _TEMPLATE.format(
        user=name_of(user_key(node).public, Role.USER),
        issuer=name_of(issuer_key(node).public, Role.ACCOUNT),
        timeout=CALLOUT_TIMEOUT_S,
    )
