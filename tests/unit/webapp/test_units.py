"""Units and kinds of products in words of the reader's language."""

from __future__ import annotations

import pytest

from traceability.sensing import profiles
from webapp.i18n import catalog
from webapp.units import PROFILES


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_every_kind_of_product_is_called_something_in_both_languages(name):
    assert catalog("zh")[PROFILES[name]] != PROFILES[name]
