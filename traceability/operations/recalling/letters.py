"""What is written to a holder: that a recall was issued, or closed; of a drill, that it is one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from traceability.ledger.record import format_time
from traceability.operations.mail import Mail
from traceability.operations.node import Node
from traceability.operations.outbox import EMAIL, WEBHOOK, Letter, Outbox, Sender
from traceability.operations.recalling.cases import Case, find_case
from traceability.operations.recalling.contacts import secret_of
from traceability.operations.recalling.holdings import Holding
from traceability.operations.recalling.notices import ISSUED, Notice, items_of, notice_to
from traceability.operations.recalling.proposals import proposals_of
from traceability.operations.recallscope import Notice as Texts
from traceability.operations.recallstatus import known_recall, load_recall
from traceability.operations.webhook import Webhook
from traceability.settings import GatewaySettings
from traceability.store.engine import AnyRow
from traceability.store.recalling import NoticeDelivery

SHOWN: Final = 20
"""Things that an e-mail lists; it counts them all."""
POSTED: Final = 1_000
"""Things that are posted."""


def notice_senders(node: Node, settings: GatewaySettings) -> dict[str, Sender]:
    """By which ways holders are told: webhooks always, e-mail if there is a server for it."""
    found: dict[str, Sender] = {WEBHOOK: lambda letter: _post(node, settings, letter)}
    if settings.smtp_url and settings.mail_from:
        mail = Mail(settings.smtp_url, settings.mail_from, settings.mail_from, node.name)
        found[EMAIL] = mail.send
    return found


def texts_of(connection: Connection, case: Case) -> Texts | None:
    """What a case says: its recall, or the proposal that was approved last; None before there is one."""
    status = None if case.drill else known_recall(connection, case.id)
    if status is not None:
        said = load_recall(connection, status)
        return Texts(said.recall_class, said.hazard, said.advice, said.contact)
    made = [each for each in proposals_of(connection, case.id) if each.withdrawn_ms is None]
    return made[-1].notice if made else None


def _post(node: Node, settings: GatewaySettings, letter: Letter) -> None:
    Webhook(letter.to, secret_of(node, letter.to), node.name, settings.webhook_private).send(letter)


def _write(connection: Connection, row: AnyRow) -> Letter:
    case, notice = find_case(connection, row.case), notice_to(connection, row.case, row.party)
    texts, items = texts_of(connection, case), items_of(connection, row.case, row.party)
    address = hashlib.sha256(f"{row.party} {row.address}".encode()).hexdigest()[:16]
    key = f"{row.case}-{row.event}-{address}"
    subject, text = _written(case, notice, row.event, texts, items)
    return Letter(key, _data(case, notice, row.event, texts, items), subject, text, row.address)


def _written(
    case: Case, notice: Notice, event: str, texts: Texts | None, items: Sequence[Holding]
) -> tuple[str, str]:
    drill = ("DRILL, no recall: ", "演练，并非召回：") if case.drill else ("", "")
    what = ("Recall", "召回") if event == ISSUED else ("Recall closed", "召回已结束")
    hazard = (texts.hazard["en"], texts.hazard["zh"]) if texts else (case.id, case.id)
    subject = f"{drill[0]}{what[0]}: {hazard[0]} · {drill[1]}{what[1]}：{hazard[1]}"
    lines = [*drill[:1], f"{what[0]} / {what[1]} {case.id}", ""]
    if texts is not None:
        lines += [f"{each['en']} / {each['zh']}" for each in (texts.hazard, texts.advice)]
        lines += [f"class / 级别: {texts.recall_class}", f"contact / 联系: {texts.contact or '-'}", ""]
    if event == ISSUED:
        lines.append(f"acknowledge by / 请在此前确认: {format_time(notice.due_ms)}")
    lines.append(f"you have or had {len(items)} of it / 与贵方有关：{len(items)}")
    lines += [f"  {item.thing}{_amount(item)}" for item in items[:SHOWN]]
    lines += ["  ..."] if len(items) > SHOWN else []
    return subject, "\n".join(lines).strip() + "\n"


def _amount(item: Holding) -> str:
    return f" ({item.amount} {item.uom or ''})".replace(" )", ")") if item.amount is not None else ""


def _data(
    case: Case, notice: Notice, event: str, texts: Texts | None, items: Sequence[Holding]
) -> dict[str, Any]:
    said: dict[str, Any] = {"event": f"recall-{event}", "case": case.id, "drill": case.drill}
    said |= {"party": notice.party, "due": format_time(notice.due_ms), "outcome": case.outcome}
    if texts is not None:
        said |= {"recallClass": texts.recall_class, "hazard": dict(texts.hazard)}
        said |= {"advice": dict(texts.advice), "contact": texts.contact}
    things = [
        {"thing": item.thing, "amount": item.amount, "unit": item.uom, "last": item.last}
        for item in items[:POSTED]
    ]
    return {name: value for name, value in said.items() if value is not None} | {
        "things": len(items),
        "items": things,
    }


NOTICES: Final = Outbox(NoticeDelivery, _write, (NoticeDelivery.event.desc(),))
"""What is to be told of recalls."""


def waiting_words(connection: Connection, case_id: str) -> Sequence[tuple[str, str, str, int, str]]:
    """What is still to be told of a case: party, channel, address, tries, and what hindered it last."""
    table = NoticeDelivery
    query = select(table.party, table.channel, table.address, table.tries, table.error)
    rows = connection.execute(query.where(table.case == case_id, table.done_ms.is_(None)))
    return [(row.party, row.channel, row.address, row.tries, row.error or "") for row in rows]
