"""What there is: the top of the API, and its description in OpenAPI 3.1."""

from __future__ import annotations

from flask import Response, current_app

from webapp.api.epcis.describing import Answer, describe
from webapp.api.epcis.exchange import answer
from webapp.api.epcis.resource import Resource, epcis
from webapp.signedin import bearer

TOP = ("capture", "events", "queries")


@epcis.route("/", tags=["Discovery"], strict_slashes=False)
@bearer
class Top(Resource):
    """The API itself."""

    @describe({200: Answer("Names below /epcis/.", "Resources")}, public=True)
    def get(self) -> Response:
        """The top-level resources."""
        return answer(list(TOP))


@epcis.route("/openapi.json", tags=["Discovery"])
@bearer
class Description(Resource):
    """This description."""

    @describe({200: Answer("An OpenAPI 3.1 document.", "OpenAPI")}, public=True)
    def get(self) -> Response:
        """What can be asked here, and what is answered."""
        return Response(current_app.extensions["epcis-openapi"], mimetype="application/json")
