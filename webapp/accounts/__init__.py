"""The pages of who uses the node: signing in, the own account, people, tokens, parties, the trail."""

from webapp.accounts import account, signing
from webapp.accounts.blueprint import accounts

__all__ = ["account", "accounts", "signing"]
