"""What is asked for in a wrong way is answered with a page that says so, and not taken for a defect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import BadRequest

from traceability.errors import MalformedError, QuotaError, UnknownSignerError


@contextmanager
def asked() -> Iterator[None]:
    """Say what is wrong with a request that does not parse, or asks for more than there may be.

    Raises:
        BadRequest: it does.
    """
    try:
        yield
    except (MalformedError, QuotaError, UnknownSignerError) as error:
        raise BadRequest(f"{error} {error.remedy()}") from error
