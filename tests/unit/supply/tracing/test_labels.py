"""What people call the things of a trace."""

from __future__ import annotations

import pytest

from traceability.supply.tracing.labels import ThingKind, kind_of, label_of, product_of

GTIN = "09521000000742"


@pytest.mark.parametrize(
    ("path", "kind", "product", "label"),
    [
        (f"/01/{GTIN}/10/M%2F1", ThingKind.BATCH, GTIN, ("9521000000742", "M/1")),
        (f"/01/{GTIN}/21/7", ThingKind.ITEM, GTIN, ("9521000000742", "7")),
        ("/00/095210000000000018", ThingKind.UNIT, None, ("logistic unit", "…10000000000018")),
        ("/8004/TRUCK1", ThingKind.ASSET, None, ("asset", "TRUCK1")),
        (f"/01/{GTIN}#0123456789abcdef", ThingKind.PRODUCT, GTIN, ("9521000000742", "lot unknown")),
        ("/shop/goods/a-long-name-of-a-thing", ThingKind.OTHER, None, ("https", "…ame-of-a-thing")),
    ],
)
def test_each_kind_of_thing_is_known_by_its_uri(path, kind, product, label):
    uri = "https://id.gs1.org" + path
    assert (kind_of(uri), product_of(uri), label_of(uri)) == (kind, product, label)


def test_a_uri_that_is_no_link_has_a_label_too():
    assert label_of("urn:uuid:4a0a8d24") == ("urn", "4a0a8d24")
    assert kind_of("") is ThingKind.OTHER
