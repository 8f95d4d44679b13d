"""What the audit trail says was done, in words; the file that is taken away keeps the codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from webapp.i18n import noted, translate

ACTIONS: Final[Mapping[str, str]] = {
    "signed-in": noted("Signed in"),
    "sign-in-refused": noted("Sign-in refused"),
    "session-ended": noted("Session ended"),
    "sessions-ended": noted("Sessions ended"),
    "person-added": noted("Person added"),
    "person-joined": noted("Person joined"),
    "person-disabled": noted("Person disabled"),
    "person-enabled": noted("Person enabled"),
    "role-changed": noted("Role changed"),
    "password-chosen": noted("Password chosen"),
    "second-factor-set-up": noted("App for codes set up"),
    "second-factor-removed": noted("App for codes forgotten"),
    "recovery-codes-made": noted("Recovery codes made"),
    "link-made": noted("One-time link made"),
    "party-enrolled": noted("Party enrolled"),
    "party-kind-set": noted("Kind of party set"),
    "prefixes-added": noted("Company prefixes added"),
    "prefix-removed": noted("Company prefix removed"),
    "prefix-opened": noted("Company prefix opened for another firm"),
    "prefix-closed": noted("Company prefix closed for another firm"),
    "key-rotated": noted("Key rotated"),
    "key-revoked": noted("Key revoked"),
    "key-renewed": noted("Key renewed"),
    "token-made": noted("Token made"),
    "token-revoked": noted("Token revoked"),
    "query-kept": noted("Named query kept"),
    "query-forgotten": noted("Named query forgotten"),
    "events-recorded": noted("Events recorded"),
    "step-recorded": noted("Step recorded"),
    "steps-imported": noted("Steps imported"),
    "step-taken-back": noted("Step taken back"),
    "part-erased": noted("Part of an event erased"),
    "document-deposited": noted("Document deposited"),
    "disclosure-changed": noted("Disclosure changed"),
    "disclosure-reset": noted("Disclosure reset"),
    "product-kept": noted("Product saved"),
    "product-forgotten": noted("Product taken off the list"),
    "place-kept": noted("Place saved"),
    "place-forgotten": noted("Place taken off the list"),
    "asset-kept": noted("Room or vehicle saved"),
    "asset-forgotten": noted("Room or vehicle taken off the list"),
    "enrol-code-made": noted("Code for a device made"),
    "device-enrolled": noted("Device enrolled"),
    "device-rejected": noted("Device turned away"),
    "device-installed": noted("Device installed"),
    "device-removed": noted("Device removed"),
    "device-replaced": noted("Device replaced"),
    "device-ended": noted("Device ended"),
    "device-configured": noted("Device configured"),
    "broker-password-renewed": noted("Device's password renewed"),
    "broker-password-revoked": noted("Device's password revoked"),
    "alarm-acknowledged": noted("Alarm acknowledged"),
    "corrective-report": noted("Corrective action reported"),
    "corrective-verification": noted("Corrective action verified"),
    "corrective-deposited": noted("Record of a corrective action deposited"),
    "recall-case-opened": noted("Recall case opened"),
    "drill-opened": noted("Drill opened"),
    "recall-held": noted("Lots held in a case"),
    "recall-hold": noted("Hold signed"),
    "recall-proposed": noted("Recall proposed"),
    "recall-withdrawn": noted("Proposal of a recall withdrawn"),
    "recall-approved": noted("Recall approved"),
    "recall-issued": noted("Recall signed"),
    "recall-extended": noted("Recall extended to what was made since"),
    "recall-acknowledged": noted("Notice of a recall acknowledged"),
    "recall-answered": noted("Notice of a recall answered"),
    "recall-closed": noted("Recall closed"),
    "recall-contact-added": noted("Contact for recalls added"),
    "recall-contact-removed": noted("Contact for recalls removed"),
    "report-begun": noted("Inspection planned"),
    "sample-begun": noted("Sample noted"),
    "result-begun": noted("Result begun"),
    "laboratory-asked": noted("Laboratory asked"),
    "paper-written": noted("Paper written"),
    "paper-withdrawn": noted("Paper withdrawn"),
    "paper-signed": noted("Paper signed"),
    "shared-link-made": noted("Link to lend made"),
    "shared-link-opened": noted("Lent link opened"),
    "shared-link-revoked": noted("Lent link taken back"),
    "problem-reported": noted("Problem reported by a shopper"),
    "report-answered": noted("Shopper's report answered"),
    "report-closed": noted("Shopper's report closed"),
    "report-erased": noted("Shopper's report erased"),
    "store-recovered": noted("Database recovered"),
}
"""By the code that ``operations.accounts.trail.note`` writes."""

_VIA: Final[Mapping[str, str]] = {
    "web": noted("the site, not signed in"),
    "command line": noted("the command line"),
    "publisher": noted("the publisher, by itself"),
    "link": noted("whoever has the link"),
}


def action_text(code: str) -> str:
    """What was done, in the reader's language; a code that is not known as it stands."""
    return translate(ACTIONS[code]) if code in ACTIONS else code


def via_text(via: str) -> str:
    """By what, where no person is named: a token by its name."""
    kind, _, name = via.partition(" ")
    if kind == "token":
        return translate("token %(name)s", name=name)
    return translate(_VIA[via]) if via in _VIA else via
