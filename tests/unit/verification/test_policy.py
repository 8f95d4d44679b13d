"""What a verifier pins, and that nothing else is taken for it: the text form of C2SP tlog-policy."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cosigned import Cosigner
from traceability.errors import BundleError
from traceability.ledger import note
from traceability.signing.keys import PrivateKey
from traceability.verification.policy import MAX_BYTES, Policy, format_policy, parse_policy
from traceability.verification.quorum import MAX_GROUPS, MAX_WITNESSES, Group, Quorum, Witness, shown


def vkey(name: str, kind: int, number: int) -> note.VerifierKey:
    return note.VerifierKey(name, kind, PrivateKey.from_seed(number.to_bytes(32, "big")).public)


LOG = vkey("node.example/log", note.ED25519, 1)
REGISTRAR = vkey("node.example/registrar", note.ED25519, 2)
POLICY = Policy(LOG, REGISTRAR)
TEXT = format_policy(POLICY)
PINNED = TEXT.removesuffix("quorum none\n")
WITNESSES = {name: Cosigner(name) for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")}
LINE = {name: witness.line for name, witness in WITNESSES.items()}

# The example of tlog-policy, with keys where that elides them.
EXAMPLE = f"""{PINNED}
{LINE["X1"]}{LINE["X2"]}{LINE["X3"]}group X-witnesses 2 X1 X2 X3

{LINE["Y1"]}{LINE["Y2"]}{LINE["Y3"]}group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def refuses(text: str | bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        parse_policy(text)
    assert caught.value.code == "bad-bundle"
    assert caught.value.remedy().startswith("Take the policy again")


def test_a_policy_survives_its_text_with_comments_and_blank_lines():
    assert parse_policy(TEXT) == POLICY
    assert parse_policy(f"# pinned on paper\n \t\n  {TEXT}\t # end\n") == POLICY
    assert POLICY.node == "node.example"


def test_a_policy_without_witnesses_is_written_as_ever():
    assert f"log {LOG.vkey()}\nregistrar {REGISTRAR.vkey()}\nquorum none\n" == TEXT
    assert not POLICY.quorum.asks


def test_the_example_of_the_specification():
    policy = parse_policy(EXAMPLE)
    assert policy.quorum.groups == (
        Group("X-witnesses", 2, ("X1", "X2", "X3")),
        Group("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    )
    assert policy.quorum.witnesses == tuple(Witness(w.name, w.verifier) for w in WITNESSES.values())
    assert policy.quorum.wanted == "X-and-Y"
    assert parse_policy(format_policy(policy)) == policy


def test_the_example_of_the_documentation():
    document = (Path(__file__).parents[3] / "docs" / "formats.md").read_text("utf-8")
    text = document.partition("\n## Policy\n")[2].split("```")[1].lstrip("\n")
    for pinned in (LOG, REGISTRAR):
        text = text.replace(f"{pinned.name}+...", pinned.vkey())
    for number, name in enumerate(re.findall(r"(\S+)\+\.\.\.", text), 3):
        text = text.replace(f" {name}+...", f" {vkey(name, note.COSIGNATURE_V1, number).vkey()}")
    quorum = parse_policy(text).quorum
    assert quorum.as_of({"chengdu": 1, "hangzhou": 5, "dali-full": 3}) == 1
    assert quorum.missing({"chengdu": 1, "hangzhou": 5}) == ("chengdu-full", "dali-full")


@pytest.mark.parametrize(
    ("lines", "quorum"),
    [
        (LINE["X1"] + "quorum X1\n", "X1"),
        (LINE["X1"] + "quorum none\n", "none"),
        (LINE["X1"] + "group g 1 X1\nquorum g\n", "g"),
        (LINE["X1"] + "group all all X1\nquorum all\n", "all"),
        (LINE["X1"].replace("X1", "#1", 1) + "group 3 any #1\nquorum 3\n", "3"),
        (LINE["X1"] + "quorum X1\n" + LINE["X2"] + "group complete all X1 X2\n", "X1"),
        (LINE["X1"] + LINE["X2"] + "quorum X2\ngroup g any X1\n", "X2"),
    ],
)
def test_names_are_any_words_and_lines_may_follow_the_quorum(lines: str, quorum: str):
    policy = parse_policy(PINNED + lines)
    assert policy.quorum.wanted == quorum
    assert parse_policy(format_policy(policy)) == policy


def test_urls_stand_behind_keys_as_they_are():
    text = EXAMPLE.replace(LOG.vkey(), f"{LOG.vkey()} \t https://node.example/log/#x")
    text = text.replace(LINE["X1"], LINE["X1"][:-1] + " https://见证.example/\n")
    policy = parse_policy(text)
    assert policy.log_url == "https://node.example/log/#x"
    assert [w.url for w in policy.quorum.witnesses[:2]] == ["https://见证.example/", None]
    assert parse_policy(format_policy(policy)) == policy


def test_logs_and_witnesses_may_stand_in_any_order():
    lines = EXAMPLE.splitlines(keepends=True)
    assert parse_policy("".join(lines[2:] + lines[:2])) == parse_policy(EXAMPLE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names one log"),
        (f"log {LOG.vkey()}\nquorum none\n", "names one log"),
        (f"registrar {REGISTRAR.vkey()}\nquorum none\n", "names one log"),
        (PINNED, "one quorum line"),
        (f"{TEXT}log {LOG.vkey()}\n", "line 4: 'log' stands twice"),
        (f"{TEXT}registrar {REGISTRAR.vkey()}\n", "line 4: 'registrar' stands twice"),
        (f"{TEXT}quorum none\n", "line 4: 'quorum' stands twice"),
        (f"{TEXT}Quorum none\n", "line 4: 'Quorum' is not read"),
        (f"{TEXT}quorum\n", "line 4: 'quorum' with 0"),
        (f"{PINNED}quorum none # so far\n", "line 3: 'quorum' with 4"),
        (f"{TEXT}witness w\n", "line 4: 'witness' with 1"),
        (f"{TEXT}witness w a b c\n", "line 4: 'witness' with 4"),
        (f"log {LOG.vkey()} https://a https://b\n", "line 1: 'log' with 3"),
        (f"registrar {REGISTRAR.vkey()} https://a\n", "line 1: 'registrar' with 2"),
        (f"{TEXT}group g\n", "line 4: 'group' with 1"),
        (f"{TEXT}group g 1{' x' * 200}\n", "line 4: 'group' with 202"),
        (TEXT.replace("+", "-"), "line 1: "),
        (f"log {REGISTRAR.vkey()}\nregistrar {REGISTRAR.vkey()}\nquorum none\n", "ends in /log"),
        ("#" * (MAX_BYTES + 1), "at most"),
        ("火" * (MAX_BYTES // 3) + "\n\n", "at most"),
        (TEXT[:-1], "does not end with a newline"),
        (TEXT + "# cut", "does not end with a newline"),
        (TEXT + "\ud800\n", "has none"),
    ],
)
def test_anything_else_is_refused_with_its_line(text: str, message: str):
    refuses(text, message)


@pytest.mark.parametrize("octet", [*range(9), *range(11, 32), 127])
def test_control_characters_but_tab_and_newline_are_refused(octet: int):
    refuses(TEXT.encode() + b"# " + bytes([octet]) + b"\n", "control characters")


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\u3000", "\u00a0"])
def test_only_newlines_end_lines_and_only_spaces_and_tabs_part_words(separator: str):
    assert parse_policy(f"{TEXT}# one{separator}quorum none\n") == POLICY
    name = f"a{separator}b"
    renamed = LINE["X1"].replace("X1", name, 1)
    assert parse_policy(f"{PINNED}{renamed}quorum {name}\n").quorum.wanted == name


def test_names_are_octets_and_nothing_is_folded():
    kelvin = "\N{KELVIN SIGN}"
    text = PINNED + LINE["X1"].replace("X1", "K", 1) + LINE["X2"].replace("X2", kelvin, 1)
    policy = parse_policy(f"{text}quorum {kelvin}\n")
    assert policy.quorum.as_of({"K": 5}) is None
    assert policy.quorum.as_of({kelvin: 5}) == 5


def test_names_that_are_not_utf8_are_kept_and_shown_as_octets():
    first, second = (LINE[name].encode().replace(name.encode(), octets, 1) for name, octets in NOT_UTF8)
    policy = parse_policy(PINNED.encode() + first + second + b"quorum \xff\n")
    names = [w.name for w in policy.quorum.witnesses]
    assert [shown(name) for name in names] == ["\\xff", "\\xfe火"]
    assert policy.quorum.wanted == names[0]
    again = format_policy(policy)
    assert b"quorum \xff\n" in again.encode("utf-8", "surrogateescape")
    assert parse_policy(again) == policy


NOT_UTF8 = (("X1", b"\xff"), ("X2", b"\xfe\xe7\x81\xab"))


@pytest.mark.parametrize(("name", "text"), [("\u202e", "\\xe2\\x80\\xae"), ("\u009b1m", "\\xc2\\x9b1m")])
def test_names_that_would_change_a_screen_are_shown_as_octets(name: str, text: str):
    assert shown(name) == text


def test_a_key_that_is_not_utf8_is_refused():
    refuses(PINNED.encode() + b"witness w \xff+00000000+AA==\nquorum none\n", "line 3: not a vkey")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        # names: one namespace, none is taken
        (LINE["X1"] + LINE["X2"].replace("X2", "X1", 1), "line 4: the name 'X1' stands twice"),
        (LINE["X1"] + "group X1 any X1\n", "line 4: the name 'X1' stands twice"),
        (LINE["X1"] + LINE["X2"] + "group g any X1\ngroup g any X2\n", "line 6: the name 'g' stands twice"),
        (LINE["X1"].replace("X1", "none", 1), "line 3: not the name .* 'none'"),
        (LINE["X1"] + "group none any X1\n", "line 4: not the name .* 'none'"),
        # members: defined before, once
        ("group g any X1\n" + LINE["X1"], "line 3: member 'X1' of group 'g' is not defined before"),
        (LINE["X1"] + "group g any h\ngroup h any X1\n", "line 4: member 'h' of group 'g' is not defined"),
        (LINE["X1"] + "group g any X1 g\n", "line 4: member 'g' of group 'g' is not defined before"),
        (LINE["X1"] + "group g any X1 none\n", "line 4: member 'none' of group 'g' is not defined"),
        (LINE["X1"] + "group g any X1 X1\n", "line 4: 'X1' is a member for a second time"),
        (LINE["X1"] + "group g any X1\ngroup h any X1\n", "line 5: 'X1' is a member for a second time"),
        (
            LINE["X1"] + "group g any X1\ngroup h any g\ngroup i any g\n",
            "line 6: 'g' is a member for a second",
        ),
        # thresholds: 1 to n, decimal
        (LINE["X1"] + "group g 0 X1\n", "line 4: group 'g' asks for 0 of its 1"),
        (LINE["X1"] + "group g 2 X1\n", "line 4: group 'g' asks for 2 of its 1"),
        (LINE["X1"] + "group g -1 X1\n", "line 4: group 'g' asks for -1 of its 1"),
        (LINE["X1"] + "group g 1\n", "line 4: group 'g' asks for 1 of its 0"),
        (LINE["X1"] + "group g any\n", "line 4: group 'g' asks for 1 of its 0"),
        (LINE["X1"] + "group g all\n", "line 4: group 'g' asks for 0 of its 0"),
        *(
            (LINE["X1"] + f"group g {k} X1\n", "line 4: not a decimal")
            for k in ("01", "+1", "１", "1_", "ALL")
        ),
        (LINE["X1"] + f"group g {'1' * 5000} X1\n", "line 4: not a decimal"),
        # the quorum: defined before
        ("quorum X1\n" + LINE["X1"], "line 3: the quorum 'X1' is not defined before"),
        (LINE["X1"] + "quorum complete\n", "line 4: the quorum 'complete' is not defined before"),
        (LINE["X1"] + "quorum X1\nquorum none\n", "line 5: 'quorum' stands twice"),
    ],
)
def test_who_counts_is_said_once_and_before_it_is_used(lines: str, message: str):
    refuses(PINNED + lines, message)


def test_keys_are_of_the_type_that_their_work_needs():
    signing = replace(WITNESSES["X1"].verifier, kind=note.ED25519)
    refuses(f"{TEXT}witness w {signing.vkey()}\n", "line 4: the key of witness 'w' is not one for cosign")
    for pinned in (LOG, REGISTRAR):
        timed = replace(pinned, kind=note.COSIGNATURE_V1)
        refuses(TEXT.replace(pinned.vkey(), timed.vkey()), "Ed25519 signatures")
    refuses(f"{TEXT}witness w w.example+00000000+BgAA\n", "line 4: unknown type of signature: 6")


def test_one_key_under_two_names_does_not_count_twice():
    other = replace(WITNESSES["X1"].verifier, name="elsewhere.example")
    refuses(
        f"{PINNED}{LINE['X1']}witness other {other.vkey()}\n", "line 4: witnesses 'X1' and 'other' have one"
    )


@pytest.mark.parametrize("pinned", [LOG, REGISTRAR])
def test_a_key_of_the_operator_is_no_witness(pinned: note.VerifierKey):
    own = replace(pinned, name="neighbour.example", kind=note.COSIGNATURE_V1)
    refuses(f"{TEXT}witness w {own.vkey()}\n", "witness 'w' has the log's or the registrar's own key")


def test_keys_that_a_note_cannot_tell_apart_are_refused():
    # Found by trying seeds: the first four bytes of the SHA-256 of each pair are alike.
    one, two = (vkey("witness.example", note.COSIGNATURE_V1, seed) for seed in (5646, 54184))
    assert one.key_id == two.key_id
    refuses(f"{PINNED}witness a {one.vkey()}\nwitness b {two.vkey()}\n", "line 4: witnesses 'a' and 'b'")
    log = vkey("node.example/log", note.ED25519, 59098)
    twin = vkey("node.example/log", note.COSIGNATURE_V1, 29596)
    assert log.key_id == twin.key_id
    text = TEXT.replace(LOG.vkey(), log.vkey())
    refuses(f"{text}witness w {twin.vkey()}\n", "cannot tell the key of witness 'w' from the log's")


def test_as_many_as_the_specification_asks_for_and_no_more():
    names = [f"w{n}" for n in range(MAX_WITNESSES + 1)]
    lines = [Cosigner(name).line for name in names]
    assert (MAX_WITNESSES, MAX_GROUPS) >= (32, 32)
    groups = [f"group g{n} any {'g' if n else 'w'}{max(n - 1, 0)}\n" for n in range(MAX_GROUPS + 1)]
    text = PINNED + "".join(lines[:-1] + groups[:-1])
    policy = parse_policy(f"{text}quorum g31\n")
    assert policy.quorum.as_of({"w0": 7}) == 7
    refuses(text + lines[-1], "line 67: a policy has at most 32 witnesses")
    refuses(text + groups[-1], "line 67: a policy has at most 32 witnesses and 32 groups")


@pytest.mark.parametrize("name", ["", "a b", "a\nquorum", "a\tb", "\x7f", "none"])
def test_a_name_that_could_not_stand_in_a_file_is_refused_in_code_too(name: str):
    with pytest.raises(BundleError, match="not the name"):
        Witness(name, WITNESSES["X1"].verifier)
    with pytest.raises(BundleError, match="not the name"):
        Group(name, 1, ("x",))


def test_a_policy_made_in_code_keeps_the_same_rules():
    twin = Witness("own", replace(LOG, kind=note.COSIGNATURE_V1))
    with pytest.raises(BundleError, match="own key"):
        Policy(LOG, REGISTRAR, Quorum((twin,), (), "own"))


@given(st.binary(max_size=300), st.integers(0, len(EXAMPLE)))
def test_no_octets_break_the_reader(noise: bytes, at: int):
    data = EXAMPLE.encode()
    for text in (noise, data[:at] + noise + data[at:], data[:at]):
        try:
            policy = parse_policy(text)
        except BundleError:
            continue
        assert parse_policy(format_policy(policy)) == policy
