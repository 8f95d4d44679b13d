"""Why something that people typed is not taken, in words of their language."""

from __future__ import annotations

from typing import Final

from traceability.errors import ConflictError, SignInError, TraceabilityError, WeakPasswordError
from traceability.operations.accounts.strength import Weak
from webapp.i18n import in_english, noted, translate

DIFFER: Final = noted("The two passwords are not the same.")
NOT_YOURS: Final = noted("That is not your password.")
NO_CODE: Final = noted("This code does not match. Look at the clock of your phone, and type the next one.")
TAKEN: Final = noted("Somebody signs in by that name already, or it is there already.")
_WEAK: Final = {
    Weak.LENGTH: noted("A password has 12 to 200 characters. Four or five words make a good one."),
    Weak.REPEATED: noted("This password repeats itself, or is a row of letters, digits or keys."),
    Weak.COMMON: noted("This password is one of those that are tried first."),
    Weak.KNOWN: noted("This password is little more than a name that others know."),
}


def reason(why: TraceabilityError | str) -> str:
    """A sentence for the page; what has none of its own stays in English, and says so."""
    if isinstance(why, str):
        return translate(why)
    if isinstance(why, WeakPasswordError):
        return translate(_WEAK[Weak(why.reason)])
    if isinstance(why, SignInError):
        return translate(NO_CODE)
    return translate(TAKEN) if isinstance(why, ConflictError) else in_english(why)
