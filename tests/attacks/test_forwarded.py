"""A visitor who writes what only a reverse proxy may say: whose address it is, which scheme, which host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import request
from flask.testing import FlaskClient

from tests.support.web import site_of
from tests.support.world import World
from traceability.errors import SettingsError
from traceability.settings import WebSettings, load
from webapp.signedin import public

OURS, THEIRS, VICTIM = "10.1.0.7", "198.51.100.4", "203.0.113.9"
FORGED = {
    "X-Forwarded-For": VICTIM,
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": VICTIM,
    "Forwarded": f"for={VICTIM};proto=https;host=evil.example",
}


@contextmanager
def believing(world: World, *proxies: str) -> Iterator[FlaskClient]:
    """The site, with a page that shows what it believes."""
    with site_of(world, proxies=proxies) as app:

        @public
        def told() -> dict[str, str]:
            forwarded = [name for name, _ in request.headers if "orwarded" in name]
            return {
                "who": f"{request.remote_addr} {request.scheme} {request.host} {request.script_root}",
                "left": " ".join(forwarded),
            }

        app.add_url_rule("/-/told", "told", told)
        yield app.test_client()


def asked(client: FlaskClient, address: str, **changed: str) -> dict[str, str]:
    found = client.get("/-/told", environ_base={"REMOTE_ADDR": address}, headers=FORGED | changed).json
    assert isinstance(found, dict)
    return found


def test_without_a_proxy_nobody_speaks_for_others(lone: World):
    with believing(lone) as client:
        for address in (THEIRS, "127.0.0.1", OURS):
            assert asked(client, address) == {"who": f"{address} http localhost ", "left": ""}


def test_only_the_proxy_s_own_word_counts(lone: World):
    with believing(lone, "10.1.0.0/24") as client:
        assert asked(client, THEIRS) == {"who": f"{THEIRS} http localhost ", "left": ""}
        told = asked(client, OURS, **{"X-Forwarded-For": f"{VICTIM}, {THEIRS}"})
        assert told["who"] == f"{THEIRS} https localhost "
        assert "Host" not in told["left"]


def test_an_address_written_by_the_visitor_gives_no_new_patience(lone: World):
    with believing(lone) as client:
        changing = [FORGED | {"X-Forwarded-For": f"203.0.113.{number}"} for number in range(22)]
        statuses = [client.post("/enrol", data=b"x", headers=headers).status_code for headers in changing]
        assert statuses[-1] == 429


@pytest.mark.parametrize("value", ["0.0.0.0/0", "::/0", "proxy.example", "10.1.0.7/24", "127.0.0.1,,"])
def test_a_proxy_has_an_address_and_is_not_everybody(value: str):
    with pytest.raises(SettingsError, match="FT_PROXIES"):
        load(WebSettings, {"FT_PROXIES": value})
    assert load(WebSettings, {"FT_PROXIES": "127.0.0.1, ::1"}).proxies == ("127.0.0.1/32", "::1/128")
