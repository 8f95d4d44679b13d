"""Telling the people of the node of a report, by the same ways as alarms.

What goes out has no word, photo or contact of the person: whoever may read these signs in.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from traceability.ledger.record import format_time
from traceability.operations.outbox import Letter, Outbox
from traceability.store.engine import AnyRow
from traceability.store.visitors import Report, ReportDelivery

EVENT: Final = "reported"


def _write(connection: Connection, row: AnyRow) -> Letter:
    query = select(Report.batch, Report.party, Report.kind, Report.made_ms).where(Report.id == row.report)
    said = connection.execute(query).one()
    made = format_time(said.made_ms)
    data = {"event": EVENT, "report": row.report, "batch": said.batch, "kind": said.kind, "made": made}
    return Letter(
        key=f"{row.report}-{EVENT}",
        subject=f"{said.batch.rpartition('/10/')[2]}: a shopper reports a problem · 消费者反映问题",
        text=(
            f"report / 反映编号: {row.report}\nkind / 类别: {said.kind}\nlot / 批次: {said.batch}\n"
            f"producer / 生产者: {said.party or '-'}\ntime / 时间: {made}\n\n"
            "Read and answer it / 查看并答复: /console/reports · /regulator/reports\n"
        ),
        data=data | {"party": said.party},
    )


REPORTS: Final = Outbox(ReportDelivery, _write)
"""What is to be told of reports."""
