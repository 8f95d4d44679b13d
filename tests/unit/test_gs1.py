"""GS1 keys: what is taken, what is refused and with which words, and the two forms of each key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import IdentifierError
from traceability.gs1 import (
    KEYS,
    MAX_URI_CHARS,
    Key,
    Part,
    Scheme,
    check_digit,
    decode_value,
    encode_value,
    parse_company_prefix,
    parse_digital_link,
    parse_key,
    parse_urn,
)

# Worked examples that GS1's Tag Data Standard and its public translation tools give, with the links
# that belong to them: every scheme, every escape, the shortest and the longest company prefix.
TRANSLATIONS = [
    ("id:sgtin:0614141.812345.6789", "/01/80614141123458/21/6789"),
    ("id:sgtin:415056789012.0.987654", "/01/04150567890128/21/987654"),
    ("id:sgtin:4012345.011111.98%22", "/01/04012345111118/21/98%22"),
    (
        "id:sgtin:0614141.812345.6789%2F%26%25%22!%3F()",
        "/01/80614141123458/21/6789%2F%26%25%22%21%3F%28%29",
    ),
    ("id:sgtin:9521141.012345.a.b.c", "/01/09521141123454/21/a.b.c"),
    ("id:sscc:4012345.3111111111", "/00/340123451111111111"),
    ("id:sgln:4012345.00005.122", "/414/4012345000054/254/122"),
    ("id:sgln:4012345.00005.0", "/414/4012345000054"),
    ("id:pgln:4000001.00000", "/417/4000001000005"),
    ("id:pgln:999999999999.", "/417/9999999999994"),
    ("id:grai:4012345.00022.334455", "/8003/04012345000221334455"),
    ("id:giai:4012345.ABC345", "/8004/4012345ABC345"),
    ("id:gsrn:4012345.0000006765", "/8018/401234500000067657"),
    ("id:gsrnp:4012345.0000000007", "/8017/401234500000000074"),
    ("id:gdti:4012345.00009.PO-4711", "/253/4012345000092PO-4711"),
    ("id:gdti:987659999999..9", "/253/98765999999929"),
    ("id:cpi:0614141.11111111111111-A%23%2F.1234", "/8010/061414111111111111111-A%23%2F/8011/1234"),
    ("id:sgcn:4012345.99999.44", "/255/401234599999044"),
    ("id:ginc:0614141.xyz47%2F11", "/401/0614141xyz47%2F11"),
    ("id:gsin:4012345.222333444", "/402/40123452223334442"),
    ("id:itip:4012345.011111.01.02.987", "/8006/040123451111180102/21/987"),
    ("id:upui:1234567.098765.51qIgY)%3C%26Jp3*j7", "/01/01234567987651/235/51qIgY%29%3C%26Jp3%2Aj7"),
    ("class:lgtin:4012345.012345.Lot987", "/01/04012345123456/10/Lot987"),
    ("idpat:sgtin:4012345.012345.*", "/01/04012345123456"),
    ("idpat:grai:4012345.99999.*", "/8003/04012345999990"),
    ("idpat:gdti:4012345.11111.*", "/253/4012345111118"),
    ("idpat:sgcn:4012345.22222.*", "/255/4012345222227"),
    ("idpat:cpi:4012345.AB12.*", "/8010/4012345AB12"),
    ("idpat:itip:4012345.012345.01.02.*", "/8006/040123451234560102"),
]
LINK = "https://id.gs1.org"
GTIN = "/01/09521141123454"


@pytest.mark.parametrize(("urn", "path"), TRANSLATIONS)
def test_the_two_forms_of_a_key_are_translated_into_each_other(urn, path):
    key = parse_urn(f"urn:epc:{urn}")
    assert key.path == path
    assert key.urn() == f"urn:epc:{urn}"
    link = parse_digital_link(LINK + path)
    assert link == key
    assert (link.path, link.prefix_length) == (path, None)
    assert link.urn(key.prefix_length) == f"urn:epc:{urn}"


def test_every_scheme_of_the_table_has_an_example():
    assert {urn.rsplit(":", 1)[0] for urn, _ in TRANSLATIONS} == {scheme.name for scheme in KEYS}


def texts_of(part: Part) -> st.SearchStrategy[str]:
    if part.checked:
        digits = st.text("0123456789", min_size=part.longest - 1, max_size=part.longest - 1)
        return digits.map(lambda d: d + check_digit(d))
    text = st.text(st.sampled_from(sorted(part.chars)), min_size=part.shortest, max_size=part.longest)
    return text.filter(lambda t: t not in {".", ".."} and (part.zero_first or t == "0" or t[0] != "0"))


@st.composite
def keys(draw: st.DrawFn) -> Key:
    """Any key of any scheme, with the length of its company prefix."""
    scheme: Scheme = draw(st.sampled_from(KEYS))
    number, *texts = (draw(texts_of(part)) for part in scheme.parts)
    if scheme.first_digit == "zero":
        number = "0" + number[1:-1]
        number += check_digit(number)
    if not scheme.number.checked:
        number = draw(st.text("0123456789", min_size=12, max_size=12)) + number[:18]
    values = scheme.join([number, *texts])
    if scheme.absent and (texts[-1] == scheme.absent or draw(st.booleans())):
        values = values[:-1]
    return Key(scheme.name, values, draw(st.integers(6, 12)))


@given(keys())
def test_a_key_survives_both_its_forms(key):
    assert parse_urn(key.urn()) == key
    assert parse_urn(key.urn()).prefix_length == key.prefix_length
    link = parse_digital_link(LINK + key.path)
    assert link == key
    assert link.urn(key.prefix_length) == key.urn()


@given(keys())
def test_no_canonical_path_has_a_character_that_could_be_written_otherwise(key):
    assert set(key.path) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%/")


@given(keys(), st.data())
def test_escapes_may_be_written_in_any_way(key, data):
    def spelled(char: str) -> str:
        ways = [f"%{ord(char):02X}", f"%{ord(char):02x}"]
        return str(data.draw(st.sampled_from(ways if char in '"#%/<>?' else [char, *ways])))

    ais = key.path.split("/")[1::2]
    path = "".join(f"/{ai}/" + "".join(map(spelled, v)) for ai, v in zip(ais, key.values, strict=True))
    assert parse_digital_link(LINK + path) == key


@given(st.one_of(st.text(), st.text("urn:epcidslgtacx.*%/0123456789"), st.text("https:/01.%2f?#")))
def test_what_is_no_key_is_refused_and_nothing_else_happens(text):
    for parse in (parse_key, parse_urn, parse_digital_link):
        with pytest.raises(IdentifierError):
            parse(text)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("id:sgtin:4012345.011111.999999999999999999999", "no serial number: 1 to 20 characters.*, not 21"),
        ("id:sgtin:4012345.011111.", "no serial number: .*, not 0"),
        ("id:sgtin:4012345.011111.a%20b", "serial number 'a b' has ' ' at position 2"),
        ("id:sgtin:4012345.011111.%C3%A9", "serial number 'é' has 'é' at position 1"),
        ("id:sgtin:4012345.011111.%FF", "position 1"),
        ("id:sgtin:4012345.011111.a/b", "has '/', which is written %2F"),
        ("id:sgtin:4012345.011111.a%2", "% without two hexadecimal digits at 2"),
        ("id:sgtin:4012345.011111.%2E", "step in a path"),
        ("id:sgtin:40123.0111111.1", "'40123' is not a GS1 company prefix: 6 to 12 digits"),
        ("id:sgtin:4012345678901..1", "not a GS1 company prefix"),
        ("id:sgtin:401234A.011111.1", "not a GS1 company prefix"),
        ("id:sgtin:4012345.01111.1", "GTIN should be 13 digits together, not 12"),
        ("id:sgtin:4012345.01111A.1", "13 digits together"),
        ("id:sgtin:4012345.011111", "2 parts between dots, it should be 3"),
        ("id:sscc:401234.3111111111", "SSCC should be 17 digits together, not 16"),
        ("id:sgln:4012345.00005.", "no GLN extension"),
        ("id:grai:4012345.0002.334455", "GRAI should be 12 digits together, not 11"),
        ("id:giai:4012345.", "nothing stands behind the company prefix of GIAI 4012345"),
        ("id:gsrn:4012345.6", "17 digits together, not 8"),
        ("id:gdti:ABC.00009.PO-4711", "company prefix"),
        (
            "id:cpi:0614141.123%24.12345",
            "has '\\$' at position 11: 5 to 30 characters of GS1 character set 39",
        ),
        ("id:cpi:0614141.abc.12345", "has 'a' at position 8"),
        ("id:cpi:0614141.12345.abf", "serial number 'abf' has 'a' at position 1: 1 to 12 digits"),
        ("id:cpi:0614141.12345.012", "begins with 0"),
        ("id:sgcn:0614141.55555.7755339999999", "1 to 12 digits, not 13"),
        ("id:itip:4012345.011111.1.2.987", "no piece: 2 digits, not 1"),
        ("id:itip:4012345.011111.012.3.987", "no piece: 2 digits, not 3"),
        ("id:pgln:4000001.00000.0", "12 digits together"),
        ("class:sgtin:4012345.011111.1", "not the EPC URN"),
        ("id:imovn:9176187", "not the EPC URN"),
        ("idpat:sgtin:4012345.011111.1", "its last part should be \\*"),
        ("idpat:sgtin:4012345.*.*", "13 digits together"),
        ("idpat:sscc:4012345.*", "not the EPC URN"),
    ],
)
def test_a_wrong_urn_is_refused_with_words_that_say_where(body, words):
    with pytest.raises(IdentifierError, match=words):
        parse_key(f"urn:epc:{body}")


@pytest.mark.parametrize("start", ["URN:epc", "urn:EPC", "urn:oid", "uri:epc"])
def test_a_urn_begins_in_one_way(start):
    with pytest.raises(IdentifierError, match="not the EPC URN"):
        parse_urn(f"{start}:id:sgtin:4012345.011111.1")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/01/09521141123455/21/1", "GTIN 09521141123455 has check digit 5, it should be 4"),
        ("/01/9521141123454/21/1", "'9521141123454' is no GTIN: 14 digits, not 13"),
        ("/01/0952114112345X/21/1", "has 'X' at position 14: 14 digits"),
        (f"{GTIN}/21/", "no serial number"),
        (f"{GTIN}/21", "'21' has no value"),
        (f"{GTIN}/", "'' has no value"),
        (f"{GTIN}/21/..", "step in a path"),
        (f"{GTIN}/21/%2e", "step in a path"),
        (f"{GTIN}/21/a%", "% without two hexadecimal digits at 2"),
        (f"{GTIN}/21/<", "has '<', which is written %3C"),
        (f"{GTIN}/21/a%2520b%7E", "has '~' at position 6"),
        (f"{GTIN}/21/1/10/2", "21, 10 make no key"),
        (f"{GTIN}/10/1/10/1", "make no key"),
        (f"{GTIN}/10/{'L' * 21}/21/1", "no lot: 1 to 20"),
        (f"{GTIN}/99/1", "01, 99 make no key"),
        (f"{GTIN}/10/1/235/1", "make no key"),
        ("/414/9521141000014/10/1", "make no key"),
        ("/414/9521141000014/22/1", "make no key"),
        ("/8003/14012345999990", "begins with 1, it should be 0|check digit"),
        ("/8004/952", "no GIAI: 5 to 30"),
        ("/8004/TRUCK1", "no GS1 company prefix"),
        ("/8010/4012345ab", "'a' at position 8: 5 to 30 characters of GS1 character set 39"),
        ("/255/4012345222227A", "'A' at position 1"),
        ("/gtin/09521141123454", "not a GS1 Digital Link"),
        ("/", "not a GS1 Digital Link"),
        ("", "not a GS1 Digital Link"),
    ],
)
def test_a_wrong_link_is_refused_with_words_that_say_where(path, words):
    with pytest.raises(IdentifierError, match=words):
        parse_key(f"https://shop.example{path}")


def test_a_grai_begins_with_zero():
    wrong = "1401234599999"
    with pytest.raises(IdentifierError, match="begins with 1, it should be 0"):
        parse_digital_link(f"{LINK}/8003/{wrong}{check_digit(wrong)}")


@pytest.mark.parametrize(
    "before",
    [
        "https://id.gs1.org",
        "http://shop.example",
        "HTTPS://SHOP.EXAMPLE",
        "https://shop.example:8443/some/path",
        "https://[2001:db8::1]",
    ],
)
@pytest.mark.parametrize("after", ["", "?17=261231", "#top", "?x=/01/1#y?z"])
def test_host_path_and_query_do_not_matter(before, after):
    assert parse_digital_link(f"{before}{GTIN}/21/1{after}").path == f"{GTIN}/21/1"


@pytest.mark.parametrize(
    "uri", ["ftp://a.example", "https:/", "https://", "https://user@a.example", "//a.example", ""]
)
def test_a_link_has_a_scheme_and_a_host(uri):
    with pytest.raises(IdentifierError):
        parse_digital_link(uri + GTIN)


@pytest.mark.parametrize(
    ("path", "finest"),
    [
        (f"{GTIN}/22/V1", GTIN),
        (f"{GTIN}/22/V1/10/L1", f"{GTIN}/10/L1"),
        (f"{GTIN}/10/L1/21/S1", f"{GTIN}/21/S1"),
        (f"{GTIN}/22/V1/10/L1/21/S1", f"{GTIN}/21/S1"),
        ("/8006/040123451234560102/10/L1/21/S1", "/8006/040123451234560102/21/S1"),
        ("/414/9521141000014/254/0", "/414/9521141000014"),
    ],
)
def test_only_the_finest_qualifier_belongs_to_the_key(path, finest):
    assert parse_digital_link(LINK + path).path == finest


def test_a_pattern_of_third_party_serials_is_the_trade_item():
    assert parse_urn("urn:epc:idpat:upui:4012345.012345.*") == Key("idpat:sgtin", ("04012345123456",))


def test_keys_are_told_apart_by_scheme_and_values_not_by_the_prefix():
    short, long = (
        parse_urn("urn:epc:id:sgtin:952114.0112345.1"),
        parse_urn("urn:epc:id:sgtin:9521141.012345.1"),
    )
    assert (short.prefix_length, long.prefix_length) == (6, 7)
    assert short == long
    assert hash(short) == hash(long)
    assert short != parse_urn("urn:epc:class:lgtin:9521141.012345.1")


@pytest.mark.parametrize(
    ("urn", "instance"),
    [
        ("id:sgtin:9521141.012345.1", True),
        ("class:lgtin:9521141.012345.1", False),
        ("idpat:grai:4012345.99999.*", False),
    ],
)
def test_a_thing_is_told_from_a_class(urn, instance):
    assert parse_urn(f"urn:epc:{urn}").instance is instance


def test_a_link_alone_does_not_say_how_long_the_company_prefix_is():
    key = parse_digital_link(f"{LINK}{GTIN}/21/1")
    for length in (None, 5, 13):
        with pytest.raises(IdentifierError, match="length of its company prefix, 6 to 12"):
            key.urn(length)
    with pytest.raises(IdentifierError, match="no company prefix of 8 digits"):
        parse_digital_link(f"{LINK}/8004/4012345ABC").urn(8)
    with pytest.raises(IdentifierError, match="and a reference"):
        parse_digital_link(f"{LINK}/8004/4012345").urn(7)


def test_a_key_that_is_made_by_hand_is_checked_too():
    with pytest.raises(IdentifierError, match="check digit"):
        Key("idpat:sgtin", ("09521141123455",))
    with pytest.raises(IdentifierError, match="has 2 values, not 1"):
        Key("id:sgtin", ("09521141123454",))
    with pytest.raises(IdentifierError, match="has 1 values, not 2"):
        Key("idpat:sgtin", ("09521141123454", "1"))
    with pytest.raises(IdentifierError, match="means that there is none"):
        Key("id:sgln", ("9521141000014", "0"))


def test_restricted_numbers_are_gtins_and_glns():
    assert parse_digital_link(f"{LINK}/01/02000000000015/10/1").restricted
    assert parse_digital_link(f"{LINK}/414/2012345678903").restricted
    assert not parse_digital_link(f"{LINK}/00/200000000000000004").restricted
    assert not parse_digital_link(f"{LINK}/253/2012345678903").restricted


def test_a_text_is_bounded_before_anything_is_done_with_it():
    stem = "https://shop.example/" + "a" * (MAX_URI_CHARS - len(GTIN) - 21)
    assert parse_key(stem + GTIN).path == GTIN
    with pytest.raises(IdentifierError, match="2000 visible ASCII"):
        parse_key(stem + "a" + GTIN)


def test_values_are_spelled_in_one_way():
    assert encode_value("aB1") == "aB1"
    assert encode_value("é") == "%C3%A9"
    assert encode_value("a/b!") == "a%2Fb%21"
    assert decode_value("a%2Fb%21") == "a/b!"


@pytest.mark.parametrize(
    ("uri", "digits"),
    [
        ("urn:epc:class:lgtin:0614141.812345.A", "061414112345"),
        ("urn:epc:id:sgtin:415056789012.0.7", "415056789012"),
        ("urn:epc:id:sscc:0614141.1234567890", "061414123456"),
        ("urn:epc:id:grai:0614141.12345.400", "061414112345"),
        ("urn:epc:id:sgln:0614141.12345.0", "061414112345"),
        ("urn:epc:id:giai:0614141.12A45", "061414112"),
        ("https://id.gs1.org/01/00000040123455/10/A", "000004012345"),
    ],
)
def test_a_company_prefix_begins_behind_indicator_and_extension_digits(uri, digits):
    assert parse_key(uri).company_digits == digits


@pytest.mark.parametrize("prefix", ["9520", "0614141", "415056789012", "00001", "952000"])
def test_a_company_prefix_has_four_to_twelve_digits(prefix):
    assert parse_company_prefix(prefix) == prefix


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("952", "4 to 12 digits"),
        ("9520001000000", "4 to 12 digits"),
        ("95X0", "has 'X'"),
        ("2000001", "restricted circulation"),
        ("0400", "restricted circulation"),
        ("0000", "never issued"),
        ("000001", "never issued"),
    ],
)
def test_other_digits_are_no_company_prefix(text, why):
    with pytest.raises(IdentifierError, match=why):
        parse_company_prefix(text)
