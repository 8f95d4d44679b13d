"""``token new``, ``token list``, ``token revoke``: who may use the API, for what, until when."""

from __future__ import annotations

import argparse
from typing import Any

from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened
from traceability.ledger.record import format_time
from traceability.operations.tokens import (
    MAX_DAYS,
    Scope,
    TokenInfo,
    list_tokens,
    new_token,
    revoke_token,
)


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    token = add_group(
        verbs,
        "token",
        does="Let a firm or an authority use the API",
        example="traceability token new --party 9520000000028 --scope capture,query --name erp",
    ).add_subparsers(metavar="WHAT", required=True)
    _add_new(token)
    add_verb(
        token,
        "list",
        _list,
        does="List the tokens that were made: whose, for what, until when; never the tokens themselves",
        example="traceability token list",
    )
    revoke = add_verb(
        token,
        "revoke",
        _revoke,
        does="End a token at once",
        example="traceability token revoke erp",
    )
    revoke.add_argument("name", metavar="NAME", help="as it was named when it was made")


def _add_new(token: Verbs) -> None:
    verb = add_verb(
        token,
        "new",
        _new,
        does="Make a token and print it, this once",
        example="traceability token new --party 9520000000028 --scope capture,query --days 90 --name erp",
    )
    verb.add_argument(
        "--party", required=True, help="whose it is: GLN, pseudonym or URI of an enrolled party"
    )
    verb.add_argument(
        "--scope",
        required=True,
        type=_scopes,
        metavar="SCOPE,...",
        help=f"what it allows, with commas between: {', '.join(Scope)}",
    )
    verb.add_argument("--name", required=True, help="what to call it in lists and when it is revoked")
    verb.add_argument(
        "--days",
        type=int,
        default=90,
        metavar="N",
        help=f"how long it is valid, 1 to {MAX_DAYS} (default: 90)",
    )
    verb.add_argument(
        "--regulator", action="store_true", help="its bearer reads all events, whole, and may recall any lot"
    )


def _scopes(text: str) -> frozenset[Scope]:
    try:
        return frozenset(Scope(word.strip()) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of scopes: {', '.join(Scope)}, with commas between"
        ) from error


def _new(args: argparse.Namespace) -> Answer:
    with opened() as here:
        text, made = new_token(
            here.store,
            here.node,
            party=args.party,
            scopes=args.scope,
            days=args.days,
            name=args.name,
            regulator=args.regulator,
        )
    return Answer(
        {"token": text} | _data(made),
        (
            text,
            f"for {_words(made)}",
            "it is shown this once; a client sends it as Authorization: Bearer ft_...",
        ),
    )


def _list(_: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        found = list_tokens(connection, here.node)
        now_ms = here.store.clock()
    lines = tuple(f"{t.access.name}: {t.state(now_ms)}, {_words(t)}" for t in found)
    data = [_data(t) | {"state": t.state(now_ms)} for t in found]
    return Answer({"tokens": data}, lines or ("there are no tokens yet: traceability token new --help",))


def _revoke(args: argparse.Namespace) -> Answer:
    with opened() as here:
        ended = revoke_token(here.store, here.node, args.name)
    since = format_time(ended.revoked_ms or 0)
    return Answer(
        {"name": ended.access.name, "revoked": since}, (f"{ended.access.name} is revoked since {since}",)
    )


def _words(token: TokenInfo) -> str:
    regulator = ", regulator" if token.access.regulator else ""
    scopes = ", ".join(sorted(token.access.scopes))
    return f"{token.access.party}{regulator}: {scopes}, until {format_time(token.expires_ms)}"


def _data(token: TokenInfo) -> dict[str, Any]:
    return {
        "name": token.access.name,
        "party": token.access.party,
        "scopes": sorted(token.access.scopes),
        "regulator": token.access.regulator,
        "expires": format_time(token.expires_ms),
    }
