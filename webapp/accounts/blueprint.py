"""The blueprint of these pages."""

from __future__ import annotations

from typing import Final

from flask import Blueprint

accounts: Final = Blueprint("accounts", __name__)
