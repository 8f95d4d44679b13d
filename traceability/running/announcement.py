"""What ``traceability run`` tells a person once the site answers: addresses, a batch page, its QR code."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Sequence
from typing import Final, TextIO
from urllib.parse import urlsplit

from sqlalchemy import select

from traceability.hosts import only_here, sign_in_url
from traceability.identifiers import Batch, parse_stream
from traceability.operations.accounts.first import first_link
from traceability.operations.accounts.letters import address_of
from traceability.operations.accounts.links import Purpose
from traceability.operations.node import load_node
from traceability.running.demo import journey as demo
from traceability.running.demo.people import Somebody, new_links
from traceability.running.demo.world import is_complete
from traceability.running.terminal import draw_qr
from traceability.settings import RunSettings, lan_address, listens_everywhere
from traceability.sitecertificate import authority_of, only_this
from traceability.store import models
from traceability.store.engine import Store

_FIRST_BATCH: Final = """no batch yet; in a second terminal:
              export FT_DATA={data}
              traceability enrol party --name-en "..." --name-zh "..."
              traceability batch new --product-en "..." --product-zh "..."
"""
ASK_EVERY_S: Final = 0.3
ASK_TIMEOUT_S: Final = 2.0


class Announcement:
    """Says each thing once, as soon as it is true: the site answers, the batch has a page there.

    Args:
        settings: where the site is.
        say: prints a line.
        out: where the QR code is drawn.
        began: when the start began, on the clock of ``time.monotonic``.
    """

    def __init__(self, settings: RunSettings, say: Callable[[str], None], out: TextIO, began: float) -> None:
        self._settings, self._say, self._out = settings, say, out
        self._began = began
        self._next = 0.0
        self.site, self._page, self._people = False, False, not settings.demo

    def turn(self) -> None:
        """Look whether there is something new to say."""
        if (self._page and self._people) or time.monotonic() < self._next:
            return
        if not self.site and self._answers("/"):
            self.site = True
            self._say_site()
        if (
            self.site
            and not self._page
            and (batch := self._batch()) is not None
            and self._answers(batch.path)
        ):
            self._page = True
            self._say_page(self._settings.base_url + batch.path)
        elif self._page and is_complete(self._settings.data):
            self._people = True
            self._say_people()
        self._next = time.monotonic() + ASK_EVERY_S

    def _say_site(self) -> None:
        settings = self._settings
        self._say(f"ready after {time.monotonic() - self._began:.1f} s\n")
        self._say(f"  site        {settings.base_url}/")
        for line in [*phone_lines(settings), *authority_lines(settings)]:
            self._say(f"  {line}")
        if not settings.demo and (link := self._first_link()) is not None:
            self._say(f"  first administrator  {link}")
            self._say("              opened once, within a day: there is no default password")
        if self._batch() is None:
            first = _FIRST_BATCH.format(data=settings.data)
            self._say("  batch page  " + ("once the journey has begun" if settings.demo else first))
        self._say("\nCtrl-C stops everything")

    def _say_page(self, address: str) -> None:
        self._say("")
        draw_qr(address, self._out)
        self._out.flush()
        self._say(f"\n  batch page  {address}\n  Ctrl-C stops everything")

    def _say_people(self) -> None:
        """How one looks around as each of the invented people."""
        store = Store(self._settings.database_url)
        try:
            links = new_links(store, load_node(self._settings.data))
        finally:
            store.close()
        for line in people_lines(sign_in_url(self._settings.base_url, self._settings.port), links):
            self._say(line)

    def _first_link(self) -> str | None:
        """Where the first administrator joins; None once there is one."""
        store = Store(self._settings.database_url)
        try:
            text = first_link(store, load_node(self._settings.data))
        finally:
            store.close()
        return (
            None
            if text is None
            else address_of(sign_in_url(self._settings.base_url, self._settings.port), Purpose.FIRST, text)
        )

    def _batch(self) -> Batch | None:
        """The batch to show, once it is in the log: the journey's first, or without a journey the newest."""
        record = models.Record
        query = select(models.Stream.uri).join(models.Batch).join(record).order_by(record.time_ms.desc())
        query = query.where(record.seq == 0, record.log_index.is_not(None))
        if self._settings.demo:
            query = query.where(models.Stream.uri == demo.first_batch(self._settings.data))
        store = Store(self._settings.database_url)
        try:
            with store.reading() as connection:
                uri = connection.execute(query.limit(1)).scalar_one_or_none()
        finally:
            store.close()
        return None if uri is None else parse_stream(uri).batch

    def _connection(self, host: str) -> http.client.HTTPConnection:
        port, certificate = self._settings.port, self._settings.tls_cert
        if certificate is None:
            return http.client.HTTPConnection(host, port, timeout=ASK_TIMEOUT_S)
        return http.client.HTTPSConnection(host, port, timeout=ASK_TIMEOUT_S, context=only_this(certificate))

    def _answers(self, path: str) -> bool:
        """Whether the site shows a page, asked under the name that it goes by."""
        host = "127.0.0.1" if listens_everywhere(self._settings.host) else self._settings.host
        connection = self._connection(host)
        try:
            connection.request("GET", path, headers={"Host": urlsplit(self._settings.base_url).netloc})
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def people_lines(site: str, links: Sequence[tuple[Somebody, str]]) -> list[str]:
    """The links by which one looks around, each below who it is and what to try."""
    lines = ["", "Look around as one of these invented people; each link opens once, within a day:"]
    for each, text in links:
        lines.append(f"  {each.name}, {each.role} ({each.what}): {each.tries}")
        lines.append(f"    {address_of(site, Purpose.DEMO, text)}")
    end = "traceability demo --delete   ends the demonstration, to begin for real"
    return [
        *lines,
        "",
        f"  {end}",
        "  traceability demo --links    prints new links",
        "  Ctrl-C stops everything",
    ]


def authority_lines(settings: RunSettings) -> list[str]:
    """What a phone has to trust, if the certificate is of the authority on this machine."""
    authority = authority_of(settings)
    if authority is None:
        return []
    return [
        f"authority   {authority}",
        "            a phone trusts this site once it has that file: docs/https.md",
    ]


def phone_lines(settings: RunSettings) -> list[str]:
    """Which address a phone can use, or how to start the node so that there is one."""
    if not only_here(urlsplit(settings.base_url).hostname or ""):
        return [f"phone       {settings.base_url}/ (in the same network)"]
    address = lan_address()
    scheme = urlsplit(settings.base_url).scheme
    shown = f"{scheme}://{'this-machine' if only_here(address) else address}:{settings.port}/"
    return [
        "phone       this address works on this machine only; for phones in your network start with",
        f"            FT_HOST=0.0.0.0 make run{' TLS=1' if settings.tls_cert else ''}   ->   {shown}",
    ]
