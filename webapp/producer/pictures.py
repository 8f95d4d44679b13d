"""Pictures of products, for anybody who may see the product."""

from __future__ import annotations

from flask import Response

from traceability.operations.productpictures import MEDIA_TYPE, read_picture
from webapp import http
from webapp.api.access import node
from webapp.producer.blueprint import console
from webapp.signedin import public


@console.get("/pictures/<name>.webp")
@public
def picture(name: str) -> Response:
    """A picture; its name is never used again, so a browser may keep it."""
    response = Response(read_picture(node().folder, name), mimetype=MEDIA_TYPE)
    http.stand_alone()
    response.cache_control.public = True
    response.cache_control.max_age = 31_536_000
    response.cache_control.immutable = True
    return response
