"""``/capture``: documents of events, and the jobs that say what became of them (EPCIS 2.0 12.6)."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, request
from werkzeug.exceptions import BadRequest, NotFound

from traceability.errors import QueryError
from traceability.ledger.record import format_time
from traceability.operations.captures import Behaviour, Job, capture_document, find_job, list_jobs
from traceability.operations.tokens import Scope
from traceability.supply.epcis.document import MAX_BYTES, read_document
from traceability.supply.queries.query import MAX_PER_PAGE, PER_PAGE
from webapp.api.access import actor_of, bearer_of, node, sender, store
from webapp.api.epcis.describing import Answer, describe
from webapp.api.epcis.exchange import answer, list_paging, read_body, taking
from webapp.api.epcis.resource import PREFIX, Resource, bounds, epcis
from webapp.api.epcis.schemas import paging_parameters
from webapp.api.problems import fault_problem
from webapp.database import snapshot
from webapp.signedin import bearer

ERROR_BEHAVIOUR: Final = "GS1-Capture-Error-Behaviour"


@epcis.route("/capture", tags=["Capture"])
@bearer
class Captures(Resource):
    """Documents are captured here; the list is of the party's own jobs."""

    @describe(
        {202: Answer("Done; the job says what became of the events.", "CaptureJob", ("Location",))},
        refuses=(413, 415),
        headers=(ERROR_BEHAVIOUR,),
        body="EPCISDocument",
    )
    def post(self) -> Response:
        """Capture a document, as a whole (rollback) or what can be (proceed).

        The work is done when the answer is sent. An event that is not valid refuses a document
        at once (400) with rollback; otherwise it stands in the job's errors. The same event may
        come again and is recorded once.
        """
        access = sender(Scope.CAPTURE)
        behaviour = _behaviour()
        data = read_body(MAX_BYTES)
        with taking(bounds().documents, "documents"):
            document = read_document(data)
            del data
            job = capture_document(store(), node(), access.party, document, behaviour, actor_of(access))
        return answer(job_json(job), 202, {"Location": job_path(job), ERROR_BEHAVIOUR: behaviour})

    @describe(
        {200: Answer("Jobs.", "CaptureJobs", ("Link", "GS1-Next-Page-Token-Expires"))},
        asks=paging_parameters(),
    )
    def get(self) -> Response:
        """The party's own capture jobs, the newest first."""
        access = bearer_of(snapshot(), Scope.CAPTURE)
        wanted = per_page()
        jobs = list_jobs(snapshot(), access.party, wanted + 1, request.args.get("nextPageToken"))
        headers = list_paging([job.id for job in jobs], wanted, store().clock())
        return answer([job_json(job) for job in jobs[:wanted]], headers=headers)


@epcis.route("/capture/<capture_id>", tags=["Capture"])
@bearer
class CaptureJob(Resource):
    """One of the party's jobs; those of others are not there."""

    @describe({200: Answer("The job.", "CaptureJob", (ERROR_BEHAVIOUR,))}, refuses=(404,))
    def get(self, capture_id: str) -> Response:
        """What became of a document."""
        access = bearer_of(snapshot(), Scope.CAPTURE)
        job = find_job(snapshot(), access.party, capture_id)
        if job is None:
            raise NotFound(f"there is no capture job {capture_id[:64]!r} of yours")
        return answer(job_json(job), headers={ERROR_BEHAVIOUR: job.behaviour})


def job_json(job: Job) -> dict[str, Any]:
    """A job as EPCIS 2.0 12.6 has it."""
    return {
        "captureID": job.id,
        "createdAt": format_time(job.created_ms),
        "finishedAt": format_time(job.finished_ms),
        "running": False,
        "success": job.success,
        "captureErrorBehaviour": job.behaviour.value,
        "recorded": job.recorded,
        "errors": [fault_problem(fault) for fault in job.faults],
    }


def job_path(job: Job) -> str:
    """Where a job is found."""
    return f"{PREFIX}/capture/{job.id}"


def per_page() -> int:
    """How many entries of a list are asked for.

    Raises:
        QueryError: not a whole number from 1 to 1000.
    """
    text = request.args.get("perPage", str(PER_PAGE))
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MAX_PER_PAGE):
        raise QueryError(f"perPage is a whole number from 1 to {MAX_PER_PAGE}, not {text[:20]!r}")
    return int(text)


def _behaviour() -> Behaviour:
    text = request.headers.get(ERROR_BEHAVIOUR, Behaviour.ROLLBACK.value)
    try:
        return Behaviour(text)
    except ValueError:
        raise BadRequest(f"{ERROR_BEHAVIOUR}: {' or '.join(Behaviour)}, not {text[:40]!r}") from None
