"""The command line, verb by verb: what it says, what it writes, and how it ends."""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from traceability.__main__ import build_parser, main
from traceability.commands import doctor
from traceability.commands.batches import BATCH_STEPS
from traceability.commands.publisher import Publisher
from traceability.commands.verb import opened
from traceability.commands.words import parse_moment, read_party
from traceability.errors import ConflictError
from traceability.identifiers import Batch, parse_gln, parse_gtin
from traceability.ledger.state import stream_hash
from traceability.ledger.tracecode import trace_code
from traceability.operations.codes import apply
from traceability.operations.events import batch_event
from traceability.operations.heartbeat import newest_beats
from traceability.operations.lock import Lock
from traceability.operations.numbers import next_lot, next_own_gln, next_own_gtin
from traceability.running.address import keep_address
from traceability.signing.application import encode_application, open_application, read_code
from traceability.signing.keys import PrivateKey, receipt_key
from traceability.signing.keystatement import device_request
from traceability.store.engine import Store
from traceability.supply.epcis.events import STEPS

NODE = "dali.example"
TRUCK = f"https://{NODE}/8004/TRUCK-7"


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """Run a verb; returns its exit code, its output (parsed if it is JSON) and its complaints."""
    for name in [n for n in os.environ if n.startswith("FT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FT_DATA", str(tmp_path / "node"))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, json.loads(said.out) if "--json" in words and said.out else said.out, said.err

    return run


@pytest.fixture
def node(cli):
    """The command line of a node with one party."""
    assert cli("init", "--node", NODE)[0] == 0
    assert cli("enrol", "party", "--name-en", "Farm", "--name-zh", "农场")[0] == 0
    return cli


def refuses(cli, code, *words):
    status, out, complaint = cli(*words)
    assert (status, out) == (1, "")
    assert re.fullmatch(rf"error: .+ \[{code}\]\n  .+\n", complaint, re.DOTALL), complaint
    return complaint


def new_batch(cli, *words):
    code, made, _ = cli("batch", "new", "--product-en", "Pears", "--product-zh", "梨", *words, "--json")
    assert code == 0
    return made


def request_file(cli, tmp_path, party):
    key = PrivateKey.generate()
    request = device_request(key, node=NODE, owner=party, model="Own sensor", iat=1)
    (tmp_path / "request.json").write_bytes(request)
    return key.public.device_id


def test_a_node_a_batch_and_a_device_from_nothing_to_a_verdict(cli, tmp_path):
    code, out, _ = cli("init", "--node", NODE)
    assert code == 0
    assert out.startswith(f"made node {NODE} in {tmp_path / 'node'}\n")
    code, party, _ = cli("enrol", "party", "--name-en", "Farm", "--name-zh", "农场", "--json")
    request_file(cli, tmp_path, party["party"])
    code, out, _ = cli("enrol", "device", "request.json", "--site", "farm-1", "--out", "enrolled.json")
    assert code == 0
    assert stat.S_IMODE((tmp_path / "enrolled.json").stat().st_mode) == 0o600
    enrolled = json.loads((tmp_path / "enrolled.json").read_text())
    assert set(enrolled) == {
        "device", "uri", "node", "site", "receipt_key", "topic", "username", "password",
    }  # fmt: skip
    assert enrolled["username"] == f"farm-1/{enrolled['device']}"
    assert enrolled["topic"] == f"ft/v1/farm-1/{enrolled['device']}/frame"
    secret = bytes.fromhex((tmp_path / "node" / "keys" / "secret").read_text())
    assert bytes.fromhex(enrolled["receipt_key"]) == receipt_key(secret, enrolled["device"])
    assert cli("install", "--device", enrolled["device"], "--on", "TRUCK-7")[0] == 0
    made = new_batch(cli, "--low", "0", "--high", "5", "--quantity", "12.5", "--uom", "KGM")
    assert made["page"] == f"http://127.0.0.1:8000/01/{made['gtin']}/10/{made['lot']}"
    where = ("--batch", made["page"], "--region-en", "Dali", "--region-zh", "大理")
    assert cli("record", "load", "--asset", "TRUCK-7", *where)[0] == 0
    code, out, _ = cli("record", "unload", *where, "--json")
    assert (code, out["asset"]) == (0, TRUCK)
    code, out, _ = cli("publish", "--once")
    assert code == 0
    assert re.fullmatch(r"published \d+ records; the log has \d+ entries\n", out)
    assert cli("publish", "--once") == (0, "nothing is new\n", "")
    code, out, _ = cli("export", f"{made['gtin']}/{made['lot']}")
    bundle = f"{made['gtin']}-{made['lot']}.bundle"
    assert code == 0
    assert out.startswith(f"wrote {bundle} (")
    code, verdict, _ = cli("verify", bundle, "--policy", "node/policy", "--json")
    assert (code, verdict["exit_code"]) == (0, 0)
    assert cli("verify", bundle)[0] == 2
    (tmp_path / bundle).write_bytes((tmp_path / bundle).read_bytes().replace(b"A", b"B", 1))
    assert cli("verify", bundle, "--policy", "node/policy")[0] == 1


def test_a_kind_of_product_brings_its_limits_and_one_s_own_come_first(node):
    def limits(*words):
        key = stream_hash(new_batch(node, *words)["uri"])
        with opened() as here, here.store.reading() as connection:
            return batch_event(connection, key)["ilmd"]["ft:temperature"]

    fish = {
        "lowMilliCelsius": -2000,
        "highMilliCelsius": 2000,
        "maxGapSeconds": 1800,
        "profile": "fresh-fish",
    }
    assert limits("--profile", "fresh-fish") == fish
    own = ("--profile", "fresh-fish", "--low", "-1", "--high", "3")
    assert limits(*own) == fish | {"lowMilliCelsius": -1000, "highMilliCelsius": 3000}


def test_a_label_s_code_is_printed_of_what_is_published_and_compared_with_a_bundle(node):
    made = new_batch(node)
    lot, step = f"{made['gtin']}/{made['lot']}", ("record", "ship", "--batch", made["page"])
    refuses(node, "not-yet-in-log", "batch", "code", lot)
    refuses(node, "unknown-subject", "batch", "code", f"{made['gtin']}/OTHER")
    node("publish", "--once")
    first = node("batch", "code", lot)[1].strip()
    node(*step)
    assert node("batch", "code", lot)[1].strip() == first
    node("publish", "--once")
    code, printed, _ = node("batch", "code", lot, "--json")
    assert (code, printed["count"], printed["batch"]) == (0, 2, made["uri"])
    assert node("batch", "code", lot, "--at", 1, "--only", "code")[1].strip() == first != printed["code"]
    for at in (0, -1, 3):
        assert "Published of it are 1 to 2." in refuses(
            node, "unknown-subject", "batch", "code", lot, "--at", at
        )
    node("export", lot, "--out", "two")
    for typed in (first.lower(), printed["code"].replace("-", "")):
        code, out, _ = node("verify", "two", "--policy", "node/policy", "--code", typed)
        assert (code, out.count("\n"), "\nlabel       holds    same-chain: " in out) == (0, 8, True)
    code, out, _ = node("verify", "two", "--code", trace_code(2, bytes(32)).text, "--json")
    assert (code, out["label"]["code"], out["failure"]["code"]) == (1, "label-mismatch", "label-mismatch")
    code, out, _ = node("verify", "two", "--policy", "node/policy", "--code", trace_code(3, bytes(32)).text)
    assert (code, "not-reached: the label was printed at 3 records and this chain has 2" in out) == (2, True)
    refuses(node, "bad-trace-code", "verify", "two", "--code", first[:-1])


def test_no_code_is_printed_of_records_that_were_changed(node, tmp_path):
    made = new_batch(node)
    node("publish", "--once")
    with sqlite3.connect(tmp_path / "node" / "node.sqlite") as store:
        change = "UPDATE records SET time_ms = time_ms - 1 WHERE stream = ?"
        store.execute(change, (stream_hash(made["uri"]),))
    refuses(node, "bad-chain", "batch", "code", f"{made['gtin']}/{made['lot']}")


def test_company_prefixes_are_given_opened_taken_back_and_listed(cli):
    assert cli("init", "--node", NODE)[0] == 0
    assert "nobody holds a prefix" in cli("prefix", "list")[1]
    enrol = ("enrol", "party", "--name-zh", "农场", "--only", "party", "--name-en")
    maker = cli(*enrol, "Maker", "--prefix", "9520001", "--prefix", "9530001")[1].strip()
    packer = cli(*enrol, "Packer")[1].strip()
    assert "cannot be told from 9520001" in refuses(cli, "conflict", *enrol, "Thief", "--prefix", "95200015")
    refuses(cli, "bad-identifier", *enrol, "Thief", "--prefix", "95")
    assert cli("prefix", "add", "9540001", "--party", packer)[1] == f"{packer} holds 9540001\n"
    code, opened, _ = cli("prefix", "allow", "9520001", "--party", packer, "--json")
    assert (code, opened) == (0, {"prefix": "9520001", "party": maker, "allowed": [packer]})
    names = [f"{name} ({uri.rpartition('/')[2]})" for name, uri in (("Maker", maker), ("Packer", packer))]
    assert cli("prefix", "list")[1].splitlines() == [
        f"9520001       {names[0]}, open for {names[1]}",
        f"9530001       {names[0]}",
        f"9540001       {names[1]}",
    ]
    made = ("--gtin", "09520001000010", "--party", packer)
    assert new_batch(cli, *made)["gtin"] == "09520001000010"
    assert cli("prefix", "disallow", "9520001", "--party", packer, "--json")[1]["allowed"] == []
    refuses(cli, "unknown-subject", "prefix", "disallow", "9520001", "--party", packer)
    words = ("batch", "new", "--product-en", "Pears", "--product-zh", "梨", *made)
    assert "9520001 of Maker" in refuses(cli, "not-your-prefix", *words)
    assert cli("prefix", "remove", "9530001")[0] == 0
    refuses(cli, "unknown-subject", "prefix", "remove", "9530001")
    listed = cli("prefix", "list", "--party", maker, "--json")[1]["prefixes"]
    assert listed == [{"prefix": "9520001", "party": maker, "allowed": []}]


def test_init_can_be_repeated_but_never_renames(cli):
    assert cli("init", "--node", NODE, "--json")[1]["created"] is True
    assert cli("init", "--json")[1]["created"] is False
    assert cli("init", "--node", NODE)[0] == 0
    assert "cannot be changed" in refuses(cli, "conflict", "init", "--node", "other.example")


def test_without_a_node_every_verb_says_how_to_make_one(cli):
    assert "traceability init" in refuses(cli, "bad-setting", "publish", "--once")


def test_tables_of_another_version_are_not_touched(cli, node, tmp_path, monkeypatch):
    monkeypatch.setenv("FT_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.sqlite'}")
    assert "another version" in refuses(cli, "bad-setting", "publish", "--once")
    assert cli("init")[0] == 0
    refuses(cli, "log-conflict", "publish", "--once")  # the new tables are not those that were signed


def test_errors_are_one_json_object_where_that_was_asked_for(cli):
    code, out, complaint = cli("publish", "--once", "--json")
    assert (code, out) == (1, "")
    assert set(json.loads(complaint)) == {"error", "message", "remedy"}
    assert json.loads(complaint)["error"] == "bad-setting"


def test_one_member_can_be_asked_for_alone(node, cli):
    code, out, _ = cli("batch", "new", "--product-en", "Pears", "--product-zh", "梨", "--only", "lot")
    assert (code, out.count("\n")) == (0, 1)
    assert re.fullmatch(r"\d{8}-1\n", out)
    code, out, complaint = cli("init", "--only", "nothing")
    assert (code, out) == (2, "")
    assert "created, folder, node, policy" in complaint


def test_audit_passes_a_healthy_node_and_names_the_row_that_was_changed(node, cli, tmp_path):
    new_batch(node)
    assert cli("publish", "--once")[0] == 0
    code, report, _ = cli("audit", "--json")
    assert (code, report["ok"], report["findings"]) == (0, True, [])
    assert report["counts"]["records"] >= 2
    with sqlite3.connect(tmp_path / "node" / "node.sqlite") as attacker:
        attacker.execute("UPDATE records SET time_ms = time_ms + 1 WHERE seq = 0")
    attacker.close()
    code, report, _ = cli("audit", "--json")
    assert (code, report["ok"]) == (1, False)
    assert any("record 0" in f"{f['where']} {f['text']}" for f in report["findings"]), report["findings"]


def test_own_products_and_lots_are_numbered_on(node):
    first, second = new_batch(node), new_batch(node)
    assert [first["gtin"], second["gtin"]] == ["02000000000015", "02000000000022"]
    third = new_batch(node, "--gtin", first["gtin"], "--at", "2026-05-01T23:30+08:00")
    fourth = new_batch(node, "--gtin", first["gtin"], "--at", "2026-05-01T23:40+08:00")
    assert [third["lot"], fourth["lot"]] == ["20260501-1", "20260501-2"]
    assert third["uri"].startswith(f"https://{NODE}/01/")


def test_a_product_with_a_real_number_stands_under_gs1(node):
    made = new_batch(node, "--gtin", "6291041500213", "--lot", "L/1")
    assert made["uri"] == "https://id.gs1.org/01/06291041500213/10/L%2F1"
    code, out, _ = node("record", "pack", "--batch", "6291041500213/L/1", "--json")
    assert (code, out["batch"]) == (0, made["uri"])


def test_numbers_of_its_own_run_out_with_a_message():
    assert next_own_gtin(["09520001000102", "02000000000022"]) == "02000000000039"
    assert parse_gtin(next_own_gtin([])) == "02000000000015"
    assert parse_gln(next_own_gln(["9520000000004", "2000000000022"])) == "2000000000039"
    with pytest.raises(ConflictError, match="used up: give one"):
        next_own_gtin(["02999999999999"])


def test_lots_of_other_forms_do_not_disturb_the_numbering():
    day = parse_moment("2026-05-01T00:00Z").date
    assert next_lot(day, ["20260501-9", "20260501-x", "20260430-77", "A"]) == "20260501-10"


@pytest.mark.parametrize(
    ("text", "offset", "day"),
    [
        ("2026-05-01T00:10+08:00", "+08:00", "2026-05-01"),
        ("2026-04-30T23:10-03:30", "-03:30", "2026-04-30"),
        ("2026-04-30T23:10Z", "+00:00", "2026-04-30"),
    ],
)
def test_a_time_keeps_the_zone_it_was_given_in(text, offset, day):
    moment = parse_moment(text)
    assert (moment.offset, moment.date.isoformat()) == (offset, day)


@pytest.mark.parametrize("text", ["yesterday", "2026-05-01T08:30", "2026-13-01T00:00Z", ""])
def test_a_time_without_its_zone_is_a_mistake_in_the_command(node, capsys, text):
    with pytest.raises(SystemExit) as ended:
        node("batch", "new", "--product-en", "P", "--product-zh", "梨", "--at", text)
    assert ended.value.code == 2
    assert "--at" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("--low", "warm", "--high", "5"),
        ("--low", "0.0001", "--high", "5"),
        ("--quantity", "NaN"),
        ("--quantity", "1e13"),
        ("--best-before", "May"),
    ],
)
def test_numbers_and_dates_that_are_none_are_mistakes_in_the_command(node, words):
    with pytest.raises(SystemExit) as ended:
        node("batch", "new", "--product-en", "P", "--product-zh", "梨", *words)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--low", "0"), "bad-statement", "go together"),
        (("--region-en", "Dali"), "bad-statement", "go together"),
        (("--low", "5", "--high", "0"), "bad-event", "below"),
        (("--gtin", "123"), "bad-identifier", "GTIN"),
        (("--lot", "a b"), "bad-identifier", "lot"),
        (("--party", "0123456789abcdef"), "unknown-subject", "not enrolled"),
        (("--at", "2999-01-01T00:00Z"), "clock-ahead", "future"),
        (("--quantity", "5", "--uom", "kg"), "bad-statement", "KGM is meant"),
        (("--from", "02000000000015/1=12.5kg"), "bad-statement", "KGM is meant"),
        (("--from", "02000000000015/1=12.5QQQ"), "bad-statement", "'QQQ' is not a unit"),
        (("--from", "02000000000015/1=12,5KGM"), "bad-statement", "such as 12.5KGM"),
    ],
)
def test_what_cannot_be_a_batch_is_refused_with_its_reason(node, words, code, said):
    assert said in refuses(node, code, "batch", "new", "--product-en", "P", "--product-zh", "梨", *words)


def test_with_two_parties_somebody_has_to_be_named(node):
    other = node(
        "enrol", "party", "--name-en", "Shop", "--name-zh", "店", "--gln", "9520001000010", "--json"
    )[1]
    words = ("batch", "new", "--product-en", "P", "--product-zh", "梨")
    said = refuses(node, "unknown-signer", *words)
    assert "Add --party and one of" in said
    assert other["party"] in said
    assert node(*words, "--party", "9520001000010")[0] == 0


def test_without_any_party_the_first_step_is_named(cli):
    cli("init")
    assert "enrol party" in refuses(
        cli, "unknown-signer", "batch", "new", "--product-en", "P", "--product-zh", "梨"
    )


def test_steps_and_assets_have_to_fit(node):
    batch = new_batch(node)["uri"]
    assert "needs --asset" in refuses(node, "bad-statement", "record", "load", "--batch", batch)
    assert "is in no asset" in refuses(node, "conflict", "record", "unload", "--batch", batch)
    refuses(node, "bad-statement", "record", "pack", "--batch", batch, "--asset", "TRUCK-7")
    refuses(node, "bad-statement", "record", "load", "--batch", batch, "--asset", batch)
    refuses(node, "bad-identifier", "record", "pack", "--batch", TRUCK)
    refuses(node, "unknown-subject", "record", "pack", "--batch", "02000000000015/unknown")
    refuses(node, "unknown-subject", "record", "load", "--batch", batch, "--asset", "NO-DEVICE-YET")


def test_every_step_of_the_vocabulary_has_its_verb():
    assert set(BATCH_STEPS) | {"harvest", "make", "install", "remove"} == set(STEPS)


def test_a_batch_made_from_others_says_so(node):
    parents = [node("batch", "new", "--product-en", "Berry", "--product-zh", "莓", "--json")[1] for _ in "12"]
    first, second = (f"{p['gtin']}/{p['lot']}" for p in parents)
    words = ("--from", f"{first}=12.5KGM", "--from", second, "--quantity", "12", "--uom", "KGM")
    code, made, _ = node("batch", "new", "--product-en", "Jam", "--product-zh", "果酱", *words, "--json")
    assert code == 0
    with opened() as here, here.store.reading() as connection:
        event = batch_event(connection, stream_hash(made["uri"]))
    assert event["type"] == "TransformationEvent"
    assert event["inputQuantityList"] == [
        {"epcClass": parents[0]["uri"], "quantity": Decimal("12.5"), "uom": "KGM"},
        {"epcClass": parents[1]["uri"]},
    ]
    assert event["outputQuantityList"] == [{"epcClass": made["uri"], "quantity": 12, "uom": "KGM"}]
    refuses(
        node,
        "unknown-subject",
        "batch",
        "new",
        "--product-en",
        "J",
        "--product-zh",
        "酱",
        "--from",
        "02000000000015/9",
    )


def test_a_device_is_installed_removed_and_installed_elsewhere(node, tmp_path):
    batch = new_batch(node)
    party = node("enrol", "party", "--name-en", "Owner", "--name-zh", "主", "--json")[1]["party"]
    device = request_file(node, tmp_path, party)
    code, enrolled, _ = node("enrol", "device", "request.json", "--json")
    assert (code, enrolled["device"], enrolled["site"]) == (0, device, "main")
    code, done, _ = node("install", "--device", device, "--on", "8004/9520002TRUCKA", "--json")
    assert (code, done["on"]) == (0, "https://id.gs1.org/8004/9520002TRUCKA")
    target = f"{batch['gtin']}/{batch['lot']}"
    assert "elsewhere" in refuses(node, "conflict", "install", "--device", device, "--on", target)
    assert node("remove", "--device", device, "--on", "(8004)9520002TRUCKA")[0] == 0
    code, done, _ = node("install", "--device", device, "--on", target, "--json")
    assert (code, done["on"]) == (0, batch["uri"])
    assert node("remove", "--device", device, "--on", batch["uri"])[0] == 0
    refuses(node, "bad-identifier", "install", "--device", "xyz", "--on", "TRUCK-7")
    refuses(node, "unknown-subject", "install", "--device", "0" * 32, "--on", "TRUCK-7")


def test_a_device_is_not_enrolled_when_its_answer_could_not_be_kept(node, tmp_path):
    with opened() as here, here.store.reading() as connection:
        party = read_party(connection, here.node, None)
    request_file(node, tmp_path, party)
    refuses(node, "bad-file", "enrol", "device", "request.json", "--out", tmp_path / "none" / "e.json")
    refuses(node, "foreign-topic", "enrol", "device", "request.json", "--site", "a.b")
    refuses(node, "bad-file", "enrol", "device", "absent.json")
    (tmp_path / "broken.json").write_text('{"payload": "x",}')
    complaint = refuses(node, "bad-encoding", "enrol", "device", "broken.json")
    assert "Correct the JSON" in complaint
    assert "RFC 8949" not in complaint
    assert node("enrol", "device", "request.json")[0] == 0
    refuses(node, "conflict", "enrol", "device", "request.json")


def test_many_devices_are_previewed_then_enrolled_at_once(node, tmp_path):
    party = node("key", "list", "--only", "party")[1].strip()
    keys = [PrivateKey.generate() for _ in range(3)]
    lines = [device_request(key, node=NODE, owner=party, model="FT-1", iat=1) for key in keys]
    requests, out = tmp_path / "requests.jsonl", tmp_path / "enrolled.jsonl"
    requests.write_bytes(b"\n".join(lines) + b"\n")
    words = ("enrol", "devices", "--from", requests, "--out", out)
    code, said, _ = node(*words)
    assert (code, said.splitlines()[0]) == (1, f"would enrol 3 devices of {party}")
    assert not out.exists()
    assert node(*words, "--yes")[0] == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    told = [json.loads(line)["device"] for line in out.read_text("utf-8").splitlines()]
    assert told == [key.public.device_id for key in keys]
    requests.write_bytes(lines[0] + b"\n" + lines[1][:-20] + b"\n")
    assert "request 2: " in refuses(node, "bad-encoding", *words, "--yes")


def test_files_that_are_no_bundle_or_policy_are_said(node, tmp_path):
    for words in (("absent.bundle",), ("b", "--policy", "absent.policy")):
        (tmp_path / "b").write_bytes(b"{}")
        complaint = refuses(node, "bad-file", "verify", *words)
        assert "Check the path" in complaint
        assert "bundle again" not in complaint
    assert node("verify", "b")[0] == 1
    (tmp_path / "p").write_text("大理", encoding="utf-8")
    refuses(node, "bad-bundle", "verify", "b", "--policy", "p")
    made = new_batch(node)
    node("publish", "--once")
    refuses(node, "bad-file", "export", made["uri"], "--out", tmp_path / "none" / "b")
    refuses(node, "unknown-subject", "export", "02000000000022/1")


def every_verb(parser, words=()):
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield words, parser
    for group in groups:
        for name, verb in group.choices.items():
            yield from every_verb(verb, (*words, name))


@pytest.mark.parametrize(
    ("words", "verb"),
    list(every_verb(build_parser())),
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_every_verb_explains_itself_with_an_example_that_parses(words, verb):
    shown = verb.format_help()
    assert "--json" in shown
    example = re.search(r"^example:\n  (?:FT_\S+ )?traceability (.+)$", shown, re.MULTILINE)
    assert example is not None
    typed = [w.strip('"') for w in re.findall(r'"[^"]*"|\S+', example[1])]
    assert build_parser().parse_args(typed).handler is verb.get_default("handler")


@pytest.mark.parametrize(
    "words", [(), ("harvest",), ("record", "harvest", "--batch", "1/1"), ("enrol",), ("init", "--what")]
)
def test_what_is_no_command_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_the_console_script_and_the_module_are_the_same(tmp_path):
    environ = {n: v for n, v in os.environ.items() if not n.startswith("FT_")} | {"FT_DATA": str(tmp_path)}
    script = Path(sys.executable).with_name("traceability")
    for command in ([str(script)], [sys.executable, "-m", "traceability"]):
        done = subprocess.run(
            [*command, "publish", "--once"], env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "[bad-setting]" in done.stderr


@pytest.mark.parametrize("words", [("publish",), ("publish", "--once")])
def test_a_second_publisher_refuses_to_start(node, tmp_path, words):
    newest = Lock(tmp_path / "node" / "lock.sqlite").newest()
    new_batch(node)
    with (tmp_path / "node" / "publisher.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        complaint = refuses(node, "bad-setting", *words)
    assert "another publisher works in" in complaint
    assert Lock(tmp_path / "node" / "lock.sqlite").newest() == newest
    assert node("publish", "--once")[0] == 0
    assert Lock(tmp_path / "node" / "lock.sqlite").newest() != newest


def test_the_publisher_says_what_hinders_it_once_and_goes_on(node, tmp_path, capsys):
    with opened(checkpoints=True) as here:
        publisher = Publisher(here)
        publisher.turn()
        lock = (tmp_path / "node" / "lock.sqlite").rename(tmp_path / "lock.sqlite")
        new_batch(node)
        capsys.readouterr()
        publisher.turn()
        publisher.turn()
        with here.store.reading() as connection:
            assert newest_beats(connection)["publisher"].detail["error"] == "log-conflict"
        lock.rename(tmp_path / "node" / "lock.sqlite")
        publisher.turn()
        with here.store.reading() as connection:
            assert newest_beats(connection)["publisher"].detail["error"] is None
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(entry["level"], entry.get("code")) for entry in lines] == [
        ("error", "log-conflict"),
        ("info", None),
        ("warning", "log-conflict"),
    ]
    assert publisher.published > 0


def test_doctor_finds_a_healthy_node_fit(node):
    code, report, _ = node("doctor", "--json")
    assert (code, report["healthy"]) == (0, True)
    levels = {f["check"]: f["level"] for f in report["findings"]}
    assert (
        levels["synchronous"] == levels["journal_mode"] == levels["key log.pem"] == levels["tables"] == "ok"
    )
    assert levels["secure_delete"] == "ok"
    assert levels["broker"] == "warn"


def test_doctor_names_the_hash_of_the_file_that_checks_in_browsers(tmp_path):
    path = tmp_path / "verify.html"
    assert (doctor.check_verifier(path).level, doctor.check_verifier(path).found) == ("warn", "not built")
    path.write_bytes(b"abc")
    assert hashlib.sha256(b"abc").hexdigest() in doctor.check_verifier(path).found


def test_doctor_names_what_is_broken_and_what_to_do(node, tmp_path, monkeypatch):
    (tmp_path / "node" / "keys" / "log.pem").chmod(0o644)
    monkeypatch.setenv("FT_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.sqlite'}")
    code, out, _ = node("doctor")
    assert code == 1
    assert re.search(r"^fail  key log\.pem: .*chmod 600", out, re.MULTILINE)
    assert re.search(r"^fail  tables: of another version\n      Run: traceability init", out, re.MULTILINE)


def test_doctor_says_when_there_is_no_node_no_database_or_no_sense_in_the_settings(
    cli, node, tmp_path, monkeypatch
):
    monkeypatch.setenv("FT_DATABASE_URL", f"sqlite:///{tmp_path}/none/x.sqlite")
    assert "fail  database: the database does not answer" in cli("doctor")[1]
    monkeypatch.setenv("FT_DATA", str(tmp_path / "other"))
    assert "fail  node: " in cli("doctor")[1]
    monkeypatch.setenv("FT_PORT", "x")
    assert cli("doctor")[0] == 1


def test_a_node_is_found_where_it_was_last_started(node, tmp_path, monkeypatch):
    keep_address(
        tmp_path / "node", {"FT_PORT": "8431", "FT_MQTT_URL": "embedded://127.0.0.1:1", "FT_DEMO": "0"}
    )
    assert new_batch(node)["page"].startswith("http://127.0.0.1:8431/01/")
    assert "mqtt://127.0.0.1:1 " in node("doctor")[1].replace("embedded", "mqtt")
    monkeypatch.setenv("FT_PORT", "9000")
    monkeypatch.setenv("FT_MQTT_URL", "mqtt://127.0.0.1:2")
    assert new_batch(node)["page"].startswith("http://127.0.0.1:9000/01/")
    assert "mqtt://127.0.0.1:2 " in node("doctor")[1]
    monkeypatch.delenv("FT_PORT")
    keep_address(tmp_path / "node", {})
    assert new_batch(node)["page"].startswith("http://127.0.0.1:8000/01/")


def test_doctor_asks_the_broker(node, broker, monkeypatch):
    monkeypatch.setenv("FT_MQTT_URL", broker.url)
    assert f"ok    broker: {broker.url} answers MQTT" in node("doctor")[1]
    monkeypatch.setenv("FT_MQTT_URL", "mqtts://broker.example:8883")
    assert "warn  broker: mqtts://" in node("doctor")[1]


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (doctor.check_sqlite((3, 6, 23)), "ok"),
        (doctor.check_sqlite((3, 7, 0)), "warn"),
        (doctor.check_sqlite((3, 51, 2)), "warn"),
        (doctor.check_sqlite((3, 51, 3)), "ok"),
        (doctor.check_disk(3 * 1024**3), "ok"),
        (doctor.check_disk(1024**3), "warn"),
        (doctor.check_disk(1024**2), "fail"),
        (doctor.check_clock(1_000_000, None), "ok"),
        (doctor.check_clock(1_000_000, 1_000_000), "ok"),
        (doctor.check_clock(1_000_000, 1_000_001), "warn"),
        (doctor.check_clock(1_000_000, 1_300_001), "fail"),
        (doctor.check_flag("synchronous", "1", "2"), "fail"),
        (doctor.check_flag("synchronous", "2", "2"), "ok"),
    ],
)
def test_doctor_judges(finding, level):
    assert finding.level == level
    assert bool(finding.remedy) is (level != "ok")


def test_the_same_session_works_on_postgresql(cli, postgres, monkeypatch):
    with postgres.fresh_database() as url:
        monkeypatch.setenv("FT_DATABASE_URL", url)
        assert cli("init", "--node", NODE)[0] == 0
        assert cli("enrol", "party", "--name-en", "Farm", "--name-zh", "农场")[0] == 0
        made = new_batch(cli)
        assert cli("publish", "--once")[0] == 0
        assert cli("export", made["uri"])[0] == 0
        assert cli("doctor")[0] == 0
        store = Store(url)
        assert store.is_current()
        store.close()
    assert Batch(made["gtin"], made["lot"]).path in made["page"]


def test_a_key_is_shown_rotated_revoked_and_renewed(node):
    first = node("key", "list", "--json")[1]
    (key,) = first["keys"]
    assert (key["until"], key["revoked"], key["custody"]) == (None, None, "node")
    rotated = node("key", "rotate", "--json")[1]
    assert rotated["party"] == first["party"]
    code, preview, _ = node("key", "revoke", rotated["kid"], "--reason", "lost", "--suspected-since", "now")
    assert code == 1
    assert "would revoke" in preview
    assert "add --yes" in preview
    assert node("key", "list", "--json")[1]["keys"][1]["until"] is None
    code, said, _ = node("key", "revoke", key["kid"], "--reason", "old", "--yes")
    assert (code, "renew" in said) == (0, False)
    code, said, _ = node(
        "key", "revoke", rotated["kid"], "--reason", "lost", "--suspected-since", "now", "--yes"
    )
    assert code == 0
    assert "revoked: lost, misuse suspected since" in said
    assert "key renew --party" in said
    refuses(node, "unknown-signer", "key", "rotate", "--party", first["party"])
    refuses(node, "conflict", "key", "revoke", rotated["kid"], "--reason", "again", "--yes")
    assert node("key", "renew", "--party", first["party"])[0] == 0
    shown = node("key", "list", "--json")[1]["keys"]
    assert [k["revoked"] for k in shown] == ["old", "lost", None]
    assert len(node("key", "list")[1].splitlines()) == 4


def test_a_device_takes_the_place_of_another_and_gives_it_back(node, tmp_path):
    owner, ids = node("key", "list", "--json")[1]["party"], []
    for _ in range(2):
        request_file(node, tmp_path, owner)
        ids.append(node("enrol", "device", "request.json", "--json")[1]["device"])
    old, new = ids
    assert refuses(node, "conflict", "device", "replace", old, "--by", new).endswith("--on ASSET\n")
    node("install", "--device", old, "--on", "TRUCK-7", "--at", "2026-05-01T08:00+08:00")
    words = ("device", "replace", old, "--by", new, "--at", "2026-05-01T09:00+08:00")
    code, said, _ = node(*words)
    assert (code, f"leaves {TRUCK} at 2026-05-01T01:00:00.000Z" in said) == (1, True)
    assert "without data: 60 min" in said
    assert "nothing was recorded" in said
    code, said, _ = node(*words, "--yes")
    assert code == 0
    (undo,) = re.findall(r"^  traceability (device replace .+)$", said, re.MULTILINE)
    assert node(*undo.split(), "--json")[1]["gap_minutes"] == 0
    refuses(node, "conflict", "device", "replace", new, "--by", old, "--yes")


def test_a_calibration_certificate_is_shown_first_and_stands_in_the_list_of_devices(node, tmp_path):
    device = request_file(node, tmp_path, node("key", "list", "--json")[1]["party"])
    node("enrol", "device", "request.json")
    assert node("device", "list")[1] == f"{device}  installed nowhere  calibration: none\n"
    coldchain = (Path(__file__).parents[2] / "docs" / "coldchain.md").read_text("utf-8")
    shown = re.search(r"```yaml\n(.+?)```", coldchain, re.DOTALL)
    assert shown is not None
    (tmp_path / "cert.yaml").write_text(shown[1], "utf-8")
    (tmp_path / "cert.pdf").write_bytes(b"%PDF-1.7")
    words = ("calibration", "add", device, "--from", "cert.yaml", "--file", "cert.pdf")
    code, said, _ = node(*words)
    assert (code, "nothing was deposited yet" in said) == (1, True)
    assert node("device", "list", "--json")[1]["devices"][0]["standing"] == "none"
    assert node(*words, "--yes")[1].endswith("\ndeposited\n")
    assert node(*words, "--yes")[1].endswith("\nwas deposited before\n")
    assert node("device", "list", "--json")[1]["devices"][0]["certificate"]["number"] == "K-2025-17"
    (tmp_path / "cert.yaml").write_text("[1, 2", "utf-8")
    refuses(node, "bad-statement", *words)


def test_a_devices_key_is_shown_and_revoked_and_the_device_taken_leave_of(node, tmp_path):
    ids = []
    for _ in range(2):
        owner, key = node("key", "list", "--json")[1]["party"], PrivateKey.generate()
        asked = device_request(key, node=NODE, owner=owner, model="Own sensor", iat=1)
        (tmp_path / "request.json").write_bytes(asked)
        ids.append(node("enrol", "device", "request.json", "--json")[1]["device"])
    (key,) = node("key", "list", "--device", ids[0], "--json")[1]["keys"]
    assert (key["until"], key["device"][-32:]) == (None, ids[0])
    assert node("key", "revoke", key["kid"], "--reason", "stolen")[0] == 1
    code, said, _ = node("key", "revoke", key["kid"], "--reason", "stolen", "--yes")
    assert (code, "renew" in said, "traceability remove --device" in said) == (0, False, True)
    refuses(node, "conflict", "key", "farewell", "--device", ids[0])
    code, preview, _ = node("key", "farewell", "--device", ids[1])
    assert (code, "not even its first" in preview, "add --yes" in preview) == (1, True, True)
    assert node("key", "list", "--device", ids[1], "--json")[1]["keys"][0]["until"] is None
    assert node("key", "farewell", "--device", ids[1], "--last", "7", "--yes", "--json")[1]["last"] == 7
    assert "last counter: 7" in node("key", "list", "--device", ids[1])[1]
    refuses(node, "conflict", "key", "farewell", "--device", ids[1], "--yes")
    refuses(node, "unknown-subject", "key", "list", "--device", "0" * 32)


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a_device_that_applied_with_a_code_is_shown_and_approved_or_turned_away(node, verb):
    _, made, _ = node("enrol", "code", "--model", "FT-1", "--json")
    assert re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", made["code"])
    said = node("enrol", "code", "--model", "FT-1")[1].splitlines()
    assert said[1].startswith("for one device of model FT-1")
    assert node("enrol", "pending")[1] == "no device waits\n"
    key = PrivateKey.generate()
    request = device_request(key, node=NODE, owner=made["party"], model="FT-1", iat=1)
    sent = open_application(encode_application(key, request, read_code(made["code"]), 0))
    with opened() as here:
        apply(here.store, here.node, sent)
    (waiting,) = node("enrol", "pending", "--json")[1]["pending"]
    assert waiting["device"] == key.public.device_id
    assert waiting["fingerprint"] in node("enrol", "pending")[1]
    assert node("enrol", verb, waiting["fingerprint"], "--json")[1]["device"] == waiting["device"]
    refuses(node, "unknown-subject", "enrol", verb, waiting["device"])
    assert node("key", "list", "--device", waiting["device"])[0] == (0 if verb == "approve" else 1)


def test_a_key_is_named_by_all_its_digits(node, capsys):
    with pytest.raises(SystemExit):
        node("key", "revoke", "abc", "--reason", "x")
    assert "32 hexadecimal digits" in capsys.readouterr().err


def test_a_firm_says_who_sees_what_and_looks_at_it_before_it_signs(node, tmp_path):
    event = {"type": "ObjectEvent", "readPoint": {"id": "urn:x:1"}, "ilmd": {"ft:person": "Wang" * 30}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    (tmp_path / "document.json").write_text(json.dumps({"epcisBody": {"eventList": [event, event]}}))
    _, out, _ = node("policy", "preview", "event.json")
    assert out.index("the public sees") < out.index("partners see also") < out.index("readPoint =")
    assert out.index("authorities see also") < out.index('ilmd/ft:person = "Wang') < out.index("…")
    assert "an eventID is added" in out
    assert node("policy", "set", "--part", "readPoint", "--audience", "public")[0] == 0
    _, made, _ = node(
        *("policy", "set", "--part", "x:n", "--audience", "partner", "--product", "09520000000011", "--json")
    )
    assert (made["product"], made["part"], made["audience"]) == ("09520000000011", "x:n", "partner")
    _, shown, _ = node("policy", "show", "--json")
    assert [e["part"] for e in shown["exceptions"]] == ["readPoint", "x:n"]
    assert shown["default"]["quantityList/quantity"] == "partner"
    assert "readPoint of all products: public" in node("policy", "show")[1]
    _, seen, _ = node("policy", "preview", "document.json", "--json")
    assert [p["audience"] for p in seen["events"][1] if p["part"] == "readPoint"] == ["public"]
    assert node("policy", "reset", "--json")[1]["reset"] == 2
    refuses(node, "conflict", "policy", "set", "--part", "eventID", "--audience", "public")
    refuses(node, "bad-statement", "policy", "set", "--part", "readPoint/id", "--audience", "public")
    refuses(node, "bad-file", "policy", "preview", "absent.json")
    for content in ("[1]", '{"a": 1}'):
        (tmp_path / "none.json").write_text(content)
        refuses(node, "malformed", "policy", "preview", "none.json")


def test_erasing_is_previewed_first_and_needs_a_reason(node):
    sha256 = new_batch(node)["sha256"]
    words = ("erase", sha256, "--part", "ilmd/ft:product")
    code, out, _ = node(*words)
    assert code == 0
    assert "would go: ilmd/ft:product" in out
    assert "nothing was erased yet" in out
    refuses(node, "conflict", *words, "--yes")
    _, done, _ = node(*words, "--yes", "--reason", "asked to", "--json")
    assert done["erased"] is True
    assert [each["statement"] for each in done["statements"]] == [sha256]
    refuses(node, "unknown-subject", *words)
    assert node("audit")[0] == 0
