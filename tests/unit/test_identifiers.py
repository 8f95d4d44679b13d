"""GS1 keys, Digital Link values and stream URIs: one spelling each, every other one refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability import identifiers
from traceability.errors import IdentifierError
from traceability.gs1 import MAX_URI_CHARS
from traceability.identifiers import (
    CSET82,
    GS1_HOST,
    Batch,
    Kind,
    asset_uri,
    canonical,
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
    party_events,
    party_keys,
    party_uri,
    place_uri,
    stream_of,
)

NODE = "dali.example"
GTIN = "09520001000102"
OWN_GTIN = "02000000000015"
GLN = "9520001000010"
SSCC = "340123451111111111"
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
        (party_events(NODE, party_uri(NODE, GLN)), Kind.PARTY_EVENTS, (GLN,)),
        (party_events(NODE, party_uri(NODE, PSEUDONYM)), Kind.PARTY_EVENTS, (PSEUDONYM,)),
        (f"https://{GS1_HOST}/01/{GTIN}/21/a%2F1", Kind.ITEM, (GTIN, "a/1")),
        (f"https://{NODE}/01/{OWN_GTIN}/21/1", Kind.ITEM, (OWN_GTIN, "1")),
        (f"https://{GS1_HOST}/00/{SSCC}", Kind.LOGISTIC_UNIT, (SSCC,)),
        (f"https://{GS1_HOST}/8003/04012345999990X1", Kind.OBJECT, ("04012345999990X1",)),
        (f"https://{GS1_HOST}/8018/401234500000067657", Kind.OBJECT, ("401234500000067657",)),
        (f"https://{GS1_HOST}/8017/401234500000000074", Kind.OBJECT, ("401234500000000074",)),
        (f"https://{GS1_HOST}/253/4012345000092PO-4711", Kind.OBJECT, ("4012345000092PO-4711",)),
        (f"https://{GS1_HOST}/8010/4012345A%2FB/8011/12", Kind.OBJECT, ("4012345A/B", "12")),
        (f"https://{GS1_HOST}/255/401234599999044", Kind.OBJECT, ("401234599999044",)),
        (f"https://{GS1_HOST}/401/0614141xyz47", Kind.OBJECT, ("0614141xyz47",)),
        (f"https://{GS1_HOST}/402/40123452223334442", Kind.OBJECT, ("40123452223334442",)),
        (f"https://{GS1_HOST}/8006/040123451111180102/21/9", Kind.OBJECT, ("040123451111180102", "9")),
        (f"https://{GS1_HOST}/01/{GTIN}/235/9", Kind.OBJECT, (GTIN, "9")),
        (f"https://{NODE}/01/{OWN_GTIN}/235/9", Kind.OBJECT, (OWN_GTIN, "9")),
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
        f"https://{GS1_HOST}/stream/events/{GLN}",
        f"https://{NODE}/stream/events/9520001000013",
        f"https://{GS1_HOST}/01/{OWN_GTIN}/21/1",
        f"https://{NODE}/01/{GTIN}/21/1",
        f"https://{NODE}/00/{SSCC}",
        f"https://{GS1_HOST}/00/{SSCC[:-1]}2",
        f"https://{GS1_HOST}/x/00/{SSCC}",
        f"https://{GS1_HOST}/01/{GTIN}/10/1/21/1",
        f"https://{GS1_HOST}/01/{GTIN}/21/a%2f1",
        f"https://{GS1_HOST}/01/{GTIN}/21/1?x",
        f"https://{GS1_HOST}/8003/04012345999990",
        f"https://{GS1_HOST}/8010/4012345AB",
        f"https://{GS1_HOST}/414/{GLN}",
        f"https://{GS1_HOST}/417/{GLN}",
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


def test_the_documented_table_names_every_kind_of_stream():
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z' ]+) \| (`https://.*/.*) \|$", text, re.MULTILINE)
    example = {
        "{node}": NODE,
        "{GTIN-14}": GTIN,
        "{lot}": "L1",
        "{serial}": "1",
        "{SSCC}": SSCC,
        "{GIAI}": "9520002TRUCKA",
        "{own number}": "TRUCK1",
        "{32 hex}": DEVICE,
        "{GLN or 16 hex}": PSEUDONYM,
        "{GRAI and serial}": "04012345999990X1",
        "{GSRN}": "401234500000067657",
        "{GDTI and serial}": "4012345000092X",
        "{CPI}": "4012345AB",
        "{GCN and serial}": "401234599999044",
        "{GINC}": "0614141xyz",
        "{GSIN}": "40123452223334442",
        "{GTIN, piece, total}": "040123451111180102",
    }
    kinds = set()
    for uri in (
        uri for _, uris in rows for uri in re.findall(r"`([^`]*)`", uris) if uri != f"https://{GS1_HOST}"
    ):
        filled = re.sub(r"\{[^}]*\}", lambda found: example[found[0]], uri)
        kinds.add(parse_stream(filled if filled.startswith("https:") else f"https://{GS1_HOST}{filled}").kind)
    assert kinds == set(Kind)


def test_the_documented_forms_lead_to_the_documented_uri():
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    rows = re.findall(r"^\| `(urn:epc:[^`]*|http:[^`]*)` \| `([^`]*)` \|$", text, re.MULTILINE)
    assert len(rows) == 6
    for written, uri in rows:
        assert canonical(written, NODE) == uri.replace("{node}", NODE)


@pytest.mark.parametrize(
    ("written", "uri"),
    [
        (f"https://shop.example/p/01/{GTIN}/10/a%2f1?x=1", f"https://{GS1_HOST}/01/{GTIN}/10/a%2F1"),
        (f"HTTP://ID.GS1.ORG/01/{GTIN}/21/1", f"https://{GS1_HOST}/01/{GTIN}/21/1"),
        (f"https://{NODE}/01/{GTIN}/10/1", f"https://{GS1_HOST}/01/{GTIN}/10/1"),
        ("urn:epc:id:sgln:9520001.00001.0", f"https://{GS1_HOST}/414/{GLN}"),
        ("urn:epc:id:pgln:9520001.00001", f"https://{GS1_HOST}/417/{GLN}"),
        # Restricted circulation: the host stays if it is nothing but a host.
        ("urn:epc:id:sgtin:200000.0000001.1", f"https://{NODE}/01/{OWN_GTIN}/21/1"),
        ("urn:epc:id:sgln:201234.567890.0", f"https://{NODE}/414/2012345678903"),
        (f"https://{GS1_HOST}/01/{OWN_GTIN}/10/1", f"https://{NODE}/01/{OWN_GTIN}/10/1"),
        (f"http://Other.example/01/{OWN_GTIN}/10/1", f"https://other.example/01/{OWN_GTIN}/10/1"),
        (f"https://other.example:8443/01/{OWN_GTIN}/10/1", f"https://{NODE}/01/{OWN_GTIN}/10/1"),
        (f"https://other.example/p/01/{OWN_GTIN}/10/1", f"https://{NODE}/01/{OWN_GTIN}/10/1"),
        (f"https://a_b.example/01/{OWN_GTIN}/10/1", f"https://{NODE}/01/{OWN_GTIN}/10/1"),
        # An asset under the node's own name is the node's own.
        (asset_uri("TRUCK/1", NODE), asset_uri("TRUCK/1", NODE)),
        (asset_uri("2024-TRUCK", NODE), asset_uri("2024-TRUCK", NODE)),
        ("https://other.example/8004/9520002A", f"https://{GS1_HOST}/8004/9520002A"),
        (f"https://{NODE}/p/8004/9520002A", f"https://{GS1_HOST}/8004/9520002A"),
        # Not keys, or not valid ones.
        (f"https://{GS1_HOST}/01/09520001000104/10/1", f"https://{GS1_HOST}/01/09520001000104/10/1"),
        ("urn:epc:id:sgtin:95.1.1", "urn:epc:id:sgtin:95.1.1"),
        ("https://ref.gs1.org/cbv/BizStep-shipping", "https://ref.gs1.org/cbv/BizStep-shipping"),
        ("urn:uuid:1", "urn:uuid:1"),
        ("草莓", "草莓"),
        ("\ud800", "\ud800"),
        ("", ""),
    ],
)
def test_whatever_names_one_thing_has_one_canonical_uri(written, uri):
    assert canonical(written, NODE) == uri
    assert canonical(uri, NODE) == uri


@given(
    st.one_of(st.just(""), st.sampled_from(["", "http:", "urn:epc:id:"]), st.text()),
    st.sampled_from([GTIN, OWN_GTIN, "04012345123456"]),
    st.sampled_from(
        [f"https://{NODE}", f"http://{GS1_HOST}", "https://b.example:1", "https://c.example/p", "x"]
    ),
    st.sampled_from(["", "/10/", "/21/", "/235/", "/99/"]),
    st.text(st.sampled_from(sorted(CSET82)), max_size=21),
)
def test_a_canonical_uri_is_its_own_and_nothing_raises(noise, gtin, host, ai, value):
    for text in (noise, f"{host}/01/{gtin}{ai}{value}", f"{host}/01/{gtin}{ai}{encode_value(value)}"):
        once = canonical(text, NODE)
        assert canonical(once, NODE) == once
        stream = stream_of(text, NODE)
        assert stream in {None, once}
        assert stream is None or parse_stream(stream).uri == once


@pytest.mark.parametrize(
    ("written", "stream"),
    [
        ("urn:epc:class:lgtin:9520001.000010.L1", f"https://{GS1_HOST}/01/{GTIN}/10/L1"),
        ("urn:epc:id:sgtin:9520001.000010.1", f"https://{GS1_HOST}/01/{GTIN}/21/1"),
        ("urn:epc:id:sscc:4012345.3111111111", f"https://{GS1_HOST}/00/{SSCC}"),
        ("urn:epc:id:grai:4012345.99999.X1", f"https://{GS1_HOST}/8003/04012345999990X1"),
        ("urn:epc:id:giai:9520002.TRUCKA", asset_uri("9520002TRUCKA")),
        (asset_uri("TRUCK1", NODE), asset_uri("TRUCK1", NODE)),
        ("urn:epc:idpat:sgtin:9520001.000010.*", None),
        ("urn:epc:id:sgln:9520001.00001.7", None),
        ("urn:epc:id:pgln:9520001.00001", None),
        (device_keys(NODE, DEVICE), None),
        (f"https://{NODE}/stream/events/{PSEUDONYM}", None),
        (f"https://{GS1_HOST}/01/09520001000104/10/1", None),
        ("urn:uuid:1", None),
    ],
)
def test_single_things_and_batches_have_streams_and_classes_and_places_have_none(written, stream):
    assert stream_of(written, NODE) == stream


def test_a_text_too_long_for_a_key_is_left_alone_and_not_kept():
    text = "https://shop.example/" + "a" * MAX_URI_CHARS + f"/01/{GTIN}/10/1"
    before = identifiers._read.cache_info().currsize
    assert canonical(text, NODE) == text
    assert stream_of(text, NODE) is None
    assert identifiers._read.cache_info().currsize == before
    assert identifiers._read.cache_info().maxsize == 8192
