"""The verifier in JavaScript and the one in Python judge records, state leaves and stays alike."""

from __future__ import annotations

import random
from typing import Any

from tests.support.damage import damaged
from tests.support.node import JavaScript, accepted, agree
from tests.support.vectors import VECTORS
from traceability import media
from traceability.ledger import lines, merkle, record, state, statepages, stay

LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(21)]
BIG = (
    0,
    1,
    2**31,
    2**32,
    2**53 - 1,
    2**53,
    2**53 + 1,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    10**20,
    -1,
    -(2**63),
)


def read_record(text: bytes) -> object:
    return [record.parse_record(text), record.parse_record(text).hash]


def test_records_and_their_times(javascript: JavaScript):
    good = VECTORS["record"].encode()
    rows = good.decode().splitlines()
    texts = damaged([good], 500)
    for at, values in {
        1: ["", "x" * 512, "x" * 513, "a b", "~", "\x7f"],
        2: [*map(str, BIG), "-0", "00", "+1", "1.0", " 1"],
        3: ["", "QQ==", "A" * 43 + "=", "/" * 43 + "=", "A" * 44],
        5: [
            "text/plain",
            "application/vnd.food-traceability.notice+sd-jwt",
            "application/vnd.food-traceability.resume+cose",
        ],
    }.items():
        texts += [
            "".join(f"{line}\n" for line in [*rows[:at], value, *rows[at + 1 :]]).encode("latin-1")
            for value in values
        ]
    texts += [good * 2, good[:-1], b"", b"\n", good + b"\n", b"x" * 1025]
    assert accepted(agree(javascript, "record", read_record, [[text] for text in texts])) > 10
    days = [
        "2024-02-29",
        "2023-02-29",
        "2023-02-30",
        "1900-02-29",
        "2000-02-29",
        "2023-04-31",
        "2023-13-01",
        "2023-00-01",
    ]
    days += [
        "1970-01-01",
        "1969-12-31",
        "9999-12-31",
        "0000-01-01",
        "0001-01-01",
        "0099-01-01",
        "2023-01-00",
        "2023-01-32",
    ]
    clocks = [
        "00:00:00.000Z",
        "23:59:59.999Z",
        "24:00:00.000Z",
        "23:60:00.000Z",
        "23:59:60.000Z",
        "23:59:59.99Z",
        "23:59:59Z",
    ]
    clocks += ["23:59:59.999z", "23:59:59.999Z\n", "٢٣:59:59.999Z", "23:59:59.999+00:00"]
    times = [[f"{day}T{clock}"] for day in days for clock in clocks]
    assert accepted(agree(javascript, "parseTime", record.parse_time, times)) == 8


def test_chains_of_records(javascript: JavaScript):
    stream = "https://node.example/stream/x"
    chain: list[record.Record] = []
    for number in range(4):
        before = chain[-1].hash if chain else record.GENESIS
        chain.append(record.Record(stream, number, before, 5 + number // 2, min(media.RECORDED), bytes(32)))
    texts = [item.text() for item in chain]
    late = record.Record(stream, 4, chain[-1].hash, 5, min(media.RECORDED), bytes(32)).text()

    def checked(items: list[bytes], start_seq: int, prev: bytes, uri: str) -> object:
        return record.check_chain(map(record.parse_record, items), start_seq=start_seq, prev=prev, stream=uri)

    orders: list[list[bytes]] = [
        texts,
        texts[:2],
        [],
        texts[1:],
        texts[::-1],
        [texts[0], texts[2]],
        [*texts, late],
        texts[:1] * 2,
    ]
    cases = [
        [items, start, prev, uri]
        for items in orders
        for start in (0, 1)
        for prev in (record.GENESIS, chain[0].hash)
        for uri in (stream, stream + "y")
    ]
    assert accepted(agree(javascript, "chain", checked, cases)) > 5
    sizes = [[bytes(a), bytes(b)] for a in (0, 31, 32, 33) for b in (0, 15, 16, 17)]
    assert accepted(agree(javascript, "commit", record.commit, sizes)) == 1


def read_state_leaf(text: bytes) -> object:
    return [state.parse_state_leaf(text), state.parse_state_leaf(text).hash]


def test_state_leaves_and_places_in_the_state(javascript: JavaScript):
    good = VECTORS["state-leaf"].encode()
    rows = good.decode().splitlines()
    texts = damaged([good], 250)
    for at in (1, 2):
        texts += [
            "".join(f"{line}\n" for line in [*rows[:at], str(n), *rows[at + 1 :]]).encode() for n in BIG
        ]
    assert accepted(agree(javascript, "stateLeaf", read_state_leaf, [[text] for text in texts])) > 10
    uris = [f"https://node.example/stream/{i}" for i in range(400)]
    uris.sort(key=lambda uri: statepages.bucket_number(state.stream_hash(uri)))
    tree = state.StateTree({state.stream_hash(uri): (i + 1, LEAVES[i % 20]) for i, uri in enumerate(uris)})

    def present(root: bytes, uri: str, *members: Any) -> bool:
        state.verify_presence(root, state.stream_hash(uri), state.Presence(*members))
        return True

    cases: list[list[Any]] = []
    for uri in uris[:10]:
        shown = tree.prove(state.stream_hash(uri))
        assert isinstance(shown, state.Presence)
        place = [
            shown.count,
            shown.head,
            shown.index,
            shown.bucket_size,
            [*shown.bucket_proof],
            [*shown.top_proof],
        ]
        cases.append([tree.root, uri, *place])
        cases += [[tree.root, uri, number, *place[1:]] for number in BIG]
        for at, value in (
            (0, uris[0]),
            (3, b"x"),
            (4, 1),
            (5, 2),
            (6, [LEAVES[0]]),
            (7, []),
            (7, [LEAVES[0]] * 16),
        ):
            changed = [tree.root, uri, *place]
            changed[at + (at == 0)] = value
            cases.append(changed)
    assert accepted(agree(javascript, "presence", present, cases)) > 9


def test_stays(javascript: JavaScript):
    opened, closed, named = VECTORS["stay-open"], VECTORS["stay-close"], VECTORS["stay-open-channels"]
    amended = closed.replace("stay-close", "stay-amend")
    for question, parse in (
        ("stayOpen", stay.parse_stay_open),
        ("stayClose", stay.parse_stay_close),
        ("stayAmend", stay.parse_stay_amend),
    ):
        texts = [text.encode() for text in (opened, closed, amended)]
        good = {"stayOpen": opened, "stayClose": closed, "stayAmend": amended}[question]
        copies = texts + damaged([good.encode()], 150) + fields_replaced(good)
        copies += [named.encode(), *damaged([named.encode()], 300), *fields_replaced(named)]
        assert accepted(agree(javascript, question, parse, [[copy] for copy in copies])) > 10


def fields_replaced(text: str) -> list[bytes]:
    """The text with one field of one line in another form, and with lines twice, left out and swapped."""
    rows = text.removesuffix("\n").split("\n")
    values = [
        *map(str, BIG),
        "-",
        "-5",
        "-1000000",
        "-1000001",
        "1000000",
        "1000001",
        "delivered",
        "silent",
        "a=product",
        "a=product,b=other",
        "b=product,a=other",
        "a=product,a=other",
        "a=product,",
        "a=b=product",
        "a",
        f"{'a' * 32}=ambient",
        f"{'a' * 33}=ambient",
        ",".join(f"c{n:02}=other" for n in range(16)),
        ",".join(f"c{n:02}=other" for n in range(17)),
        "x",
        "",
    ]
    found = []
    chance = random.Random(1)
    for at, row in enumerate(rows):
        fields = row.split(" ")
        for place in range(len(fields)):
            found += [
                [*rows[:at], " ".join([*fields[:place], v, *fields[place + 1 :]]), *rows[at + 1 :]]
                for v in values
            ]
        found += [[*rows[:at], *rows[at + 1 :]], [*rows[: at + 1], *rows[at:]]]
        other = chance.randrange(len(rows))
        swapped = [*rows]
        swapped[at], swapped[other] = rows[other], row
        found.append(swapped)
    return ["".join(f"{line}\n" for line in item).encode() for item in found]


def test_integers_of_lines(javascript: JavaScript):
    texts = [
        *map(str, BIG),
        "-0",
        "00",
        "01",
        "+1",
        "1\n",
        " 1",
        "1_0",
        "٣",
        "",
        "-",
        "9" * 20,
        "9" * 21,
        "1e3",
        "0x1",
    ]
    assert accepted(
        agree(javascript, "decodeInteger", lines.decode_integer, [[text] for text in texts])
    ) == len(BIG)
