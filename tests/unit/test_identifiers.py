"""GS1 keys, Digital Link values and stream URIs: one spelling each, every other one refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import IdentifierError
from traceability.identifiers import (
    CSET82,
    GS1_HOST,
    Batch,
    Kind,
    asset_uri,
    check_digit,
    decode_value,
    device_keys,
    device_uri,
    encode_value,
    is_restricted,
    log_origin,
    parse_device_id,
    parse_giai,
    parse_gln,
    parse_gtin,
    parse_lot,
    parse_node_name,
    parse_party,
    parse_stream,
    party_keys,
    party_uri,
    place_uri,
)

NODE = "dali.example"
GTIN = "09520001000102"
OWN_GTIN = "02000000000015"
GLN = "9520001000010"
DEVICE = "0123456789abcdef0123456789abcdef"
PSEUDONYM = "0123456789abcdef"

lots = st.text(st.sampled_from(sorted(CSET82)), min_size=1, max_size=20).filter(
    lambda t: t not in {".", ".."}
)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [("629104150021", "3"), ("0952000100010", "2"), ("37610425002123456", "9"), ("0000000", "0")],
)
def test_check_digits_are_those_that_gs1_publishes(digits, expected):
    assert check_digit(digits) == expected


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 11), st.integers(1, 9))
def test_no_single_wrong_digit_passes(digits, position, change):
    key = digits + check_digit(digits)
    assert parse_gln(key) == key
    wrong = key[:position] + str((int(key[position]) + change) % 10) + key[position + 1 :]
    with pytest.raises(IdentifierError, match="it should be"):
        parse_gln(wrong)


@pytest.mark.parametrize("text", ["96385074", "614141000036", "6291041500213", "16291041500210"])
def test_every_length_of_gtin_becomes_14_digits(text):
    assert parse_gtin(text) == text.rjust(14, "0")


@pytest.mark.parametrize(
    "text", ["", "9638507", "629104150021३", "6291041500213 ", "-6291041500213", "6291041500210"]
)
def test_what_is_no_gtin_is_refused(text):
    with pytest.raises(IdentifierError, match="GTIN"):
        parse_gtin(text)


def test_a_gtin_is_not_a_gln():
    with pytest.raises(IdentifierError, match="GLN: 13 digits"):
        parse_gln(GTIN)


@pytest.mark.parametrize(
    ("key", "restricted"),
    [
        ("02000000000015", True),  # GS1 prefix 20
        ("02990000000002", True),  # 29
        ("12000000000012", True),  # an indicator digit stands before the prefix
        ("00200000000004", True),  # 02: variable measure
        ("00412345678903", True),  # 04: within a company
        ("00312345678906", False),  # 03
        ("03000000000007", False),  # 30
        ("00512345678900", False),  # 05
        (GTIN, False),
        ("00000020000004", True),  # a GTIN-8 with GS1-8 prefix 200
        ("00000000000017", True),  # 000
        ("00000096385074", False),
        ("2012345678903", True),
        (GLN, False),
        ("0000000000000", False),  # a GLN is never a GTIN-8
    ],
)
def test_restricted_circulation_is_told_by_the_prefix(key, restricted):
    assert is_restricted(key) is restricted


@pytest.mark.parametrize("parse", [parse_lot, parse_giai])
@pytest.mark.parametrize("text", ["", "a b", "批次", "a" * 31, "#1", "a\n", ".", ".."])
def test_lots_and_asset_numbers_outside_the_character_set_are_refused(parse, text):
    with pytest.raises(IdentifierError):
        parse(text)


def test_a_lot_has_at_most_20_characters_and_an_asset_number_30():
    assert parse_lot("L" * 20) == "L" * 20
    assert parse_giai("A" * 30) == "A" * 30
    with pytest.raises(IdentifierError, match="1 to 20"):
        parse_lot("L" * 21)


@given(lots)
def test_a_value_survives_its_spelling_in_a_path(value):
    written = encode_value(value)
    assert decode_value(written) == value
    assert set(written) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")


@pytest.mark.parametrize("text", ["a%2fb", "a/b", "%41", "a%2", "a+b", "%E8%8D%89", "草", "%FF"])
def test_only_one_spelling_of_a_value_is_taken(text):
    with pytest.raises(IdentifierError):
        decode_value(text)


def test_a_batch_is_checked_when_it_is_made():
    with pytest.raises(IdentifierError, match="14 digits"):
        Batch("6291041500213", "L1")
    with pytest.raises(IdentifierError, match="check digit"):
        Batch("09520001000104", "L1")
    with pytest.raises(IdentifierError, match="lot"):
        Batch(GTIN, "")


def test_lots_that_differ_in_case_are_two_lots():
    assert Batch(GTIN, "a1").uri(NODE) != Batch(GTIN, "A1").uri(NODE)


@given(lots, st.sampled_from([GTIN, OWN_GTIN]))
def test_a_batch_survives_its_uri(lot, gtin):
    batch = Batch(gtin, lot)
    stream = parse_stream(batch.uri(NODE))
    assert (stream.kind, stream.batch, stream.uri) == (Kind.BATCH, batch, batch.uri(NODE))


def test_a_batch_stands_under_gs1_unless_its_number_is_the_nodes_own():
    assert Batch(GTIN, "a/1").uri(NODE) == f"https://{GS1_HOST}/01/{GTIN}/10/a%2F1"
    assert Batch(OWN_GTIN, "1").uri(NODE) == f"https://{NODE}/01/{OWN_GTIN}/10/1"


@pytest.mark.parametrize(
    ("uri", "kind", "values"),
    [
        (asset_uri("TRUCK/1", NODE), Kind.ASSET, ("TRUCK/1",)),
        (asset_uri("9520002TRUCKA"), Kind.ASSET, ("9520002TRUCKA",)),
        (device_keys(NODE, DEVICE), Kind.DEVICE_KEYS, (DEVICE,)),
        (party_keys(NODE, party_uri(NODE, GLN)), Kind.PARTY_KEYS, (GLN,)),
        (party_keys(NODE, party_uri(NODE, PSEUDONYM)), Kind.PARTY_KEYS, (PSEUDONYM,)),
        (f"https://{NODE}/stream/deposits/{GLN}", Kind.DEPOSITS, (GLN,)),
        (f"https://{NODE}/stream/deposits/{PSEUDONYM}", Kind.DEPOSITS, (PSEUDONYM,)),
    ],
)
def test_every_kind_of_stream_is_taken_apart(uri, kind, values):
    stream = parse_stream(uri)
    assert (stream.uri, stream.kind, stream.values) == (uri, kind, values)
    with pytest.raises(IdentifierError, match="is not a batch"):
        _ = stream.batch


@pytest.mark.parametrize(
    "uri",
    [
        f"http://{NODE}/8004/1",
        f"https://{NODE}",
        f"https://{NODE}:443/8004/1",
        "https://Dali.example/8004/1",
        "https:///8004/1",
        f"https://{NODE}/8004/1?x",
        f"https://{NODE}/8004/1/",
        f"https://{NODE}/8004/%41",
        f"https://{NODE}/8004/.",
        f"https://{NODE}/8004/草",
        f"https://{NODE}/8004/" + "A" * 512,
        f"https://{GS1_HOST}/8004/TRUCK1",
        f"https://{GS1_HOST}/8004/952",
        f"https://{GS1_HOST}/01/{OWN_GTIN}/10/1",
        f"https://{NODE}/01/{GTIN}/10/1",
        f"https://{GS1_HOST}/01/09520001000104/10/1",
        f"https://{GS1_HOST}/01/{GTIN}",
        f"https://{GS1_HOST}/stream/keys/device/{DEVICE}",
        f"https://{GS1_HOST}/stream/keys/party/{GLN}",
        f"https://{NODE}/stream/keys/party/9520001000013",
        f"https://{NODE}/stream/deposits/9520001000013",
        f"https://{NODE}/stream/keys/device/{DEVICE.upper()}",
        f"https://{NODE}/stream/other/1",
    ],
)
def test_what_is_no_stream_in_its_one_form_is_refused(uri):
    with pytest.raises(IdentifierError):
        parse_stream(uri)


@pytest.mark.parametrize(
    "name", ["dali.example", "a", "node-1.dali.example", "1.2", "a" * 63, ".".join(["a" * 63] * 3)]
)
def test_a_node_is_named_like_a_host(name):
    assert parse_node_name(name) == name
    assert log_origin(name) == f"{name}/log"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Dali.example",
        "dali.example.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "a_b",
        "a:1",
        "大理",
        "a\n",
        "a" * 64,
        ".".join(["a" * 63] * 4),
        GS1_HOST,
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(IdentifierError):
        parse_node_name(name)


def test_a_node_cannot_take_the_name_under_which_gs1s_numbers_stand():
    with pytest.raises(IdentifierError, match="GS1"):
        device_uri(GS1_HOST, DEVICE)


@pytest.mark.parametrize(
    "text", ["", DEVICE.upper(), DEVICE[1:], DEVICE + "0", DEVICE[:-1] + "g", DEVICE + "\n"]
)
def test_what_is_no_device_id_is_refused(text):
    with pytest.raises(IdentifierError, match="device id"):
        parse_device_id(text)


def test_a_device_has_one_uri_and_one_key_stream():
    assert device_uri(NODE, DEVICE) == f"https://{NODE}/device/{DEVICE}"
    assert device_keys(NODE, DEVICE) == f"https://{NODE}/stream/keys/device/{DEVICE}"


@pytest.mark.parametrize(
    ("party", "uri"),
    [
        (GLN, f"https://{GS1_HOST}/417/{GLN}"),
        ("2012345678903", f"https://{NODE}/417/2012345678903"),
        (PSEUDONYM, f"https://{NODE}/party/{PSEUDONYM}"),
    ],
)
def test_a_party_survives_its_uri(party, uri):
    assert party_uri(NODE, party) == uri
    assert parse_party(uri) == party


@pytest.mark.parametrize(
    "uri",
    [
        f"https://{GS1_HOST}/party/{PSEUDONYM}",
        f"https://{NODE}/417/{GLN}",
        f"https://{GS1_HOST}/417/2012345678903",
        f"https://{GS1_HOST}/417/9520001000013",
        f"https://{GS1_HOST}/414/{GLN}",
        f"https://{NODE}/party/{PSEUDONYM}/",
    ],
)
def test_what_is_no_partys_uri_is_refused(uri):
    with pytest.raises(IdentifierError):
        parse_party(uri)


def test_a_place_stands_under_gs1_unless_its_number_is_the_nodes_own():
    assert place_uri(GLN, NODE) == f"https://{GS1_HOST}/414/{GLN}"
    assert place_uri("2012345678903", NODE) == f"https://{NODE}/414/2012345678903"
    with pytest.raises(IdentifierError, match="GLN"):
        place_uri("123", NODE)
