"""The pages of who uses the node: signing in, the own account, people, tokens, parties, the trail."""

from webapp.accounts import account, joining, parties, people, signing, tokens, trail
from webapp.accounts.blueprint import accounts

__all__ = ["account", "accounts", "joining", "parties", "people", "signing", "tokens", "trail"]
