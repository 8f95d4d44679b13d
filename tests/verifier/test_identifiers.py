"""The verifier in JavaScript and the one in Python read the same identifiers, and refuse the same."""

from __future__ import annotations

import re

from tests.support.damage import damaged_text
from tests.support.node import JavaScript, accepted, agree, described
from tests.support.vectors import DOCUMENT
from traceability import gs1, identifiers

NODE = "dali.example"
GTIN, OWN_GTIN, GLN, OWN_GLN = "09520001000103", "02000000000015", "9520001000012", "2012345678903"
PSEUDONYM, DEVICE = "0123456789abcdef", "0123456789abcdef" * 2
PATHS = [
    f"/01/{GTIN}/10/L1",
    f"/01/{OWN_GTIN}/10/a%2F1",
    f"/01/{GTIN}/21/1",
    f"/01/{GTIN}/22/A/10/B/21/C",
    f"/01/{GTIN}",
    f"/01/{GTIN}/235/9",
    "/00/340123453111111111",
    "/8003/04012345999990X1",
    "/8003/04012345999990",
    "/8004/9520002A",
    "/8018/401234500000067657",
    "/8017/401234500000000074",
    "/253/4012345000092PO-4711",
    "/253/4012345000092",
    "/8010/4012345A%2FB/8011/12",
    "/8010/4012345AB",
    "/8010/4012345AB/8011/012",
    "/255/401234599999044",
    "/401/0614141xyz47",
    "/402/40123452223334442",
    "/8006/040123451111180102/21/9",
    "/8006/040123451111180102",
    f"/414/{GLN}",
    f"/414/{GLN}/254/0",
    f"/414/{GLN}/254/7",
    f"/417/{GLN}",
    f"/417/{OWN_GLN}",
    f"/party/{PSEUDONYM}",
    "/8004/TRUCK%2F1",
    "/8004/.",
    "/8004/..",
    f"/stream/keys/device/{DEVICE}",
    f"/stream/keys/party/{GLN}",
    f"/stream/keys/party/{PSEUDONYM}",
    f"/stream/events/{GLN}",
    f"/stream/deposits/{PSEUDONYM}",
    f"/p/01/{GTIN}/10/a%2f1?x=1#y",
    f"/01/{GTIN}/10/%EF%BB%BFa",
    f"/01/{GTIN}/10/%C3%A9",
    f"/01/{GTIN}/10/%",
    f"/01/{GTIN}/10/1/21/1",
    f"/01/{GTIN}/10",
    "/01/00000020000004/10/1",
    "/01/00000012345670/10/1",
]
HOSTS = [
    "https://id.gs1.org",
    f"https://{NODE}",
    "HTTPS://ID.GS1.ORG",
    "http://Other.example:8443",
    "https://a_b.example",
]
URNS = [
    "urn:epc:id:sgtin:9520001.000010.1",
    "urn:epc:class:lgtin:9520001.000010.a%2Fb",
    "urn:epc:id:sscc:4012345.3111111111",
    "urn:epc:id:grai:4012345.99999.X1",
    "urn:epc:idpat:grai:4012345.99999.*",
    "urn:epc:id:giai:9520002.TRUCKA",
    "urn:epc:id:giai:9520002.",
    "urn:epc:idpat:sgtin:9520001.000010.*",
    "urn:epc:id:sgln:9520001.00001.0",
    "urn:epc:id:sgln:9520001.00001.7",
    "urn:epc:id:pgln:9520001.00001",
    "urn:epc:id:sgtin:200000.0000001.1",
    "urn:epc:id:sgln:201234.567890.0",
    "urn:epc:id:gsrn:4012345.0000067657",
    "urn:epc:id:gdti:4012345.00009.PO-4711",
    "urn:epc:id:cpi:4012345.AB.12",
    "urn:epc:idpat:cpi:4012345.AB.*",
    "urn:epc:id:sgcn:4012345.99999.44",
    "urn:epc:id:ginc:0614141.xyz47",
    "urn:epc:id:gsin:4012345.222333444",
    "urn:epc:id:itip:4012345.011111.01.02.9",
    "urn:epc:id:upui:9520001.000010.9",
    "urn:epc:idpat:upui:9520001.000010.*",
    "urn:epc:id:sgtin:95.1.1",
    "urn:epc:id:x",
    "urn:uuid:1",
    "urn:epc:id:sgtin",
    "urn:epc:id:giai:9520002.a.b.c",
    "urn:",
    "",
    "草莓",
    "\ud800",
    "x" * 3000,
]
NAMED = [host + path for host in HOSTS for path in PATHS]
NAMED += re.findall(r"`(urn:epc:[^`]*|https?:[^`]*)`", DOCUMENT)


def test_the_table_of_keys_is_the_same(javascript: JavaScript):
    (found,) = javascript.ask("gs1", [[]])
    assert found == [
        [
            scheme.name,
            [
                [
                    ai,
                    [
                        [
                            p.name,
                            described(p.shortest),
                            described(p.longest),
                            "".join(sorted(p.chars)),
                            p.checked,
                            p.zero_first,
                        ]
                        for p in parts
                    ],
                ]
                for ai, parts in scheme.elements
            ],
            scheme.first_digit,
            scheme.absent,
        ]
        for scheme in gs1.KEYS
    ]


def test_keys_and_their_one_uri(javascript: JavaScript):
    def key(text: str) -> object:
        read = gs1.parse_key(text)
        return [read, read.path, read.restricted]

    texts = [*NAMED, *URNS, *damaged_text([*NAMED[: len(PATHS)], *URNS[:-1]], 12)]
    assert 100 < accepted(agree(javascript, "parseKey", key, [[text] for text in texts])) < len(texts) - 100
    agree(
        javascript,
        "canonical",
        lambda uri, node: [identifiers.canonical(uri, node), identifiers.stream_of(uri, node)],
        [[text, node] for text in texts for node in (NODE, "other.example")],
    )


def test_streams_parties_and_nodes(javascript: JavaScript):
    texts = [*NAMED, *URNS, *damaged_text(NAMED[: 2 * len(PATHS)], 12), "https://x.example/8004/" + "A" * 512]
    cases = [[text] for text in texts]
    assert accepted(agree(javascript, "parseStream", identifiers.parse_stream, cases)) > 50
    assert accepted(agree(javascript, "parseParty", identifiers.parse_party, cases)) > 5
    names = [
        "a",
        "a.b",
        "a-b.c",
        "-a",
        "a-",
        "a..b",
        "a.",
        "A",
        "a_b",
        "é",
        "a\n",
        "a:1",
        "",
        "1",
        "x" * 63,
        "x" * 64,
    ]
    names += [".".join(["x" * 63] * 4), ".".join(["x" * 62, *["x" * 63] * 3]), "id.gs1.org", "a\u2028"]
    agree(
        javascript,
        "parseNodeName",
        identifiers.parse_node_name,
        [[n] for n in [*names, *damaged_text(names[:3], 30)]],
    )
    lots = ["L1", "", "x" * 20, "x" * 21, ".", "..", "a b", "é", "%", "/", "a\n", "\U0001f955" * 20]
    gtins = [
        GTIN,
        OWN_GTIN,
        GTIN[1:],
        "09520001000104",
        "0952000100010é",
        "00000000000000",
        "0952000100010\u0663",
    ]
    agree(
        javascript,
        "batch",
        lambda gtin, lot: identifiers.Batch(gtin, lot).uri("node.example"),
        [[gtin, lot] for gtin in gtins for lot in lots],
    )
