"""Document notices: what is signed is read back, and every other shape is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from traceability import media
from traceability.errors import IdentifierError, StatementError
from traceability.signing import sdjwt
from traceability.signing.keys import PrivateKey
from traceability.supply.notice import CLAIM, Notice, Purpose, issue_notice, read_notice, require_name

KEY = PrivateKey.from_seed(bytes([1]) * 32)
PARTY = "https://node.example/party/0123456789abcdef"
BATCH = "https://id.gs1.org/01/09520000000011/10/L1"
NOTICE = Notice(BATCH, Purpose.ANALYSIS, "0" * 64, 3, "application/pdf", "检验 report.pdf")


def parts(notice: Notice = NOTICE) -> tuple[sdjwt.SdJwt, list[sdjwt.Disclosure]]:
    issued = issue_notice(KEY, PARTY, notice, 7)
    return sdjwt.parse(issued.statement, typ=media.NOTICE), list(issued.disclosures)


def read(claims: dict[str, Any], left_out: str = "") -> Notice:
    """What is read of a notice that somebody signed, with all disclosures but one."""
    issued = sdjwt.issue(KEY, claims, lambda path: path[:1] == (CLAIM,) and len(path) == 2, typ=media.NOTICE)
    texts = [d.text for d in issued.disclosures if d.path[-1] != left_out]
    return read_notice(sdjwt.parse(issued.statement), texts)


def claims(**others: Any) -> dict[str, Any]:
    return {"iss": PARTY, "iat": 7, CLAIM: NOTICE.members() | others}


def test_what_is_signed_is_read_back_by_its_key():
    statement, disclosures = parts()
    statement.verify(KEY.public)
    assert (statement.iss, statement.iat) == (PARTY, 7)
    assert read_notice(statement, [d.text for d in disclosures]) == NOTICE


def test_a_stranger_reads_nothing_of_it_in_plain():
    statement, disclosures = parts()
    assert statement.payload.keys() == {"iss", "iat", "_sd_alg", CLAIM}
    assert statement.payload[CLAIM] == {"_sd": sorted(d.digest for d in disclosures)}


def test_only_the_name_may_be_withheld():
    statement, disclosures = parts()
    for disclosure in disclosures:
        texts = [other.text for other in disclosures if other is not disclosure]
        if disclosure.path == (CLAIM, "name"):
            assert read_notice(statement, texts) == replace(NOTICE, name=None)
            continue
        with pytest.raises(StatementError, match="a notice shows"):
            read_notice(statement, texts)


def test_a_digest_that_nobody_opens_is_not_taken_for_the_name():
    with pytest.raises(StatementError, match="withholds its name or nothing"):
        read({"iss": PARTY, "iat": 7, CLAIM: {k: v for k, v in NOTICE.members().items() if k != "name"}})
    hidden = issue_notice(KEY, PARTY, NOTICE, 7)
    payload = dict(sdjwt.parse(hidden.statement).payload)
    digests: Any = payload[CLAIM]
    more = sdjwt.SdJwt(
        payload | {CLAIM: {"_sd": [*digests["_sd"], "x" * 43]}},
        PARTY,
        7,
        sdjwt.parse(hidden.statement).signature,
    )
    with pytest.raises(StatementError, match="withholds its name or nothing"):
        read_notice(more, [d.text for d in hidden.disclosures])


@pytest.mark.parametrize(
    "hide",
    [lambda _: False, lambda p: p == (CLAIM,), lambda p: len(p) == 2 and p[0] == CLAIM and p[1] != "size"],
)
def test_a_member_in_plain_could_never_be_erased(hide):
    issued = sdjwt.issue(KEY, claims(), hide, typ=media.NOTICE)
    with pytest.raises(StatementError, match="a disclosure of its own"):
        read_notice(sdjwt.parse(issued.statement), [d.text for d in issued.disclosures])


def test_other_claims_and_members_are_refused():
    for other in (claims() | {"kept": []}, {"iss": PARTY, "iat": 7}, claims() | {CLAIM: "x"}):
        with pytest.raises(StatementError, match="a notice has the claims"):
            read(other)
    with pytest.raises(StatementError, match="a notice shows"):
        read(claims(sm3="0"))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("size", value) for value in (-1, "3", True, None)),
        *(("sha256", value) for value in ("0" * 63, "A" * 64, "０" * 64, 0, "0" * 64 + "\n")),
        *(
            ("mediaType", value)
            for value in ("pdf", "Application/PDF", "a/b; charset=x", "a/" + "b" * 65, 1, "a/b\n")
        ),
        *(("purpose", value) for value in ("Analysis", "", 1, ["analysis"], None)),
        *(("name", value) for value in (None, 1, "", "../x")),
        ("subject", 1),
    ],
)
def test_values_of_another_kind_are_refused(member, value):
    with pytest.raises(StatementError):
        read(claims(**{member: value}))


@pytest.mark.parametrize(
    "name",
    [
        *("", "x" * 129, "..", ".", ".profile", "report.", " a", "a ", "a/b", "../../etc/passwd", "a\\b"),
        *("a\nb", "a\x00", "\x1b[31m", "a\x7f", "a\x9f", "x\u202efdp.exe", "a\u200b", "\ufeffa", "a\u2066b"),
        "a\U000e0041",
    ],
)
def test_names_that_are_paths_or_deceive_are_refused(name):
    with pytest.raises(StatementError):
        require_name(name)


@pytest.mark.parametrize(
    "name", ["a", "x" * 128, "检验报告（一）.pdf", "a b.tar.gz", "\U0001f353.png", "-rf", "a:b"]
)
def test_other_names_are_taken(name):
    assert replace(NOTICE, name=name).name == name


def test_a_subject_is_a_batch_an_asset_or_deposits():
    node = "https://node.example"
    for subject in (BATCH, f"{node}/8004/T1", f"{node}/stream/deposits/0123456789abcdef"):
        assert read(claims(subject=subject)).subject == subject
    for subject in (f"{node}/stream/keys/party/0123456789abcdef", "https://id.gs1.org/00/095200000000000010"):
        with pytest.raises((StatementError, IdentifierError)):
            read(claims(subject=subject))
    with pytest.raises(IdentifierError):
        read(claims(subject=PARTY))


def test_nothing_is_signed_without_the_name():
    with pytest.raises(StatementError, match="with the name of its file"):
        issue_notice(KEY, PARTY, replace(NOTICE, name=None), 7)
