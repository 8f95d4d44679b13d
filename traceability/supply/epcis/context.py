"""The ``@context`` of EPCIS documents and events, read without fetching anything.

JSON-LD lets a document name its terms by a URL that a reader would have to fetch. Nothing is
fetched here: GS1's own EPCIS context is known by its URL and brings the prefixes in
:data:`PREFIXES`; any other URL is accepted but opaque, so names with a prefix that only it
defines stay as they are. Objects in a context may define prefixes and nothing else.

A word of the Core Business Vocabulary can be written in five ways: bare (``shipping``), as a
CURIE (``cbv:BizStep-shipping``), as a URI, as that URI under an older name, and as a URN. Each has
one full URI, which :meth:`Context.expand_word` gives and :func:`reduce_word` takes back.

Source: EPCIS 2.0 10.4 and its JSON-LD context; CBV 2.0 7; JSON-LD 1.1 4.1 (CURIEs: 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from traceability.errors import OversizeError, StatementError

EPCIS_CONTEXT: Final = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
EPCIS_CONTEXTS: Final = re.compile(
    r"https?://ref\.gs1\.org/standards/epcis/(?:\d{1,3}\.\d{1,3}(?:\.\d{1,3})?/)?epcis-context\.jsonld"
)
"""Every URL under which GS1 publishes the EPCIS context: the newest, or one version of it."""

MAX_ENTRIES: Final = 64
"""URLs and prefixes of a document's and an event's context together."""
MAX_PREFIX: Final = 64
MAX_IRI: Final = 512

NAMESPACE: Final = "https://food-traceability.example/ns/1#"
"""This project's own words, always under the prefix ``ft``: rules go by the names as written."""
CBV: Final = "https://ref.gs1.org/cbv/"
GS1: Final = "https://gs1.org/voc/"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "epcis": "https://ref.gs1.org/epcis/",
        "cbv": CBV,
        "cbvmda": "urn:epcglobal:cbv:mda:",
        "gs1": GS1,
        "rdfs": RDFS,
        "owl": "http://www.w3.org/2002/07/owl#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "dcterms": "http://purl.org/dc/terms/",
    }
)
"""What the EPCIS context defines."""

_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "https://ref.gs1.org/epcis/": ("http://ref.gs1.org/epcis/", "https://ns.gs1.org/epcis/"),
    CBV: ("http://ref.gs1.org/cbv/", "https://ns.gs1.org/cbv/"),
    "urn:epcglobal:cbv:mda:": ("urn:epcglobal:cbv:mda",),
    GS1: (
        "http://gs1.org/voc/",
        "https://www.gs1.org/voc/",
        "http://www.gs1.org/voc/",
        "https://ref.gs1.org/voc/",
    ),
}
"""Other names that published contexts and documents have given to the same namespaces."""

_PREFIX: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x1f]+")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SPACE: Final = re.compile(r"\s")
_SCHEMES: Final = frozenset({"http", "https", "urn", "ni", "geo"})
"""Schemes of the identifiers in events: as a prefix, each would turn one thing's name into another's."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of one field: what stands before the bare word in its URI, in others, in its URN."""

    uri: str
    others: tuple[str, ...]
    urn: str = ""


def _vocabulary(namespace: str, stem: str = "", urn: str = "") -> Vocabulary:
    return Vocabulary(namespace + stem, tuple(other + stem for other in _SPELLINGS[namespace]), urn)


VOCABULARIES: Final[Mapping[str, Vocabulary]] = MappingProxyType(
    {
        "bizStep": _vocabulary(CBV, "BizStep-", "urn:epcglobal:cbv:bizstep:"),
        "disposition": _vocabulary(CBV, "Disp-", "urn:epcglobal:cbv:disp:"),
        "persistentDisposition": _vocabulary(CBV, "Disp-", "urn:epcglobal:cbv:disp:"),
        "bizTransactionList": _vocabulary(CBV, "BTT-", "urn:epcglobal:cbv:btt:"),
        "sourceList": _vocabulary(CBV, "SDT-", "urn:epcglobal:cbv:sdt:"),
        "destinationList": _vocabulary(CBV, "SDT-", "urn:epcglobal:cbv:sdt:"),
        "errorDeclaration": _vocabulary(CBV, "ER-", "urn:epcglobal:cbv:er:"),
        "sensorReport": _vocabulary(GS1),
        "exception": _vocabulary(GS1),
        "component": _vocabulary(CBV, "Comp-"),
    }
)
"""The fields whose values are words. Lists stand for the ``type`` of their elements,
``persistentDisposition`` for ``set`` and ``unset``, ``errorDeclaration`` for ``reason``,
``sensorReport`` for its ``type``."""

_URN: Final = re.compile(r"urn:epcglobal:cbv:[a-z]+:")
_BY_URN: Final = {vocabulary.urn: vocabulary.uri for vocabulary in VOCABULARIES.values()}


@dataclass(frozen=True, slots=True)
class Context:
    """What the prefixes in an event mean: prefix to namespace, and the URLs that were named."""

    prefixes: Mapping[str, str]
    urls: tuple[str, ...] = ()

    def split_name(self, name: str) -> tuple[str, str]:
        """A member's name as namespace and local name; no namespace where the prefix is unknown."""
        prefix, colon, local = name.partition(":")
        if not colon or not local or local.startswith("//") or prefix not in self.prefixes:
            return "", name
        return self.prefixes[prefix], local

    def expand_name(self, name: str) -> str:
        """``ext1:foo`` as its full IRI; a name without a known prefix as it is."""
        return "".join(self.split_name(name))

    def expand_value(self, text: str) -> str:
        """A CURIE or a CBV word's URN as its full URI; any other text as it is."""
        urn = _URN.match(text)
        if urn is not None and urn[0] in _BY_URN:
            return _BY_URN[urn[0]] + text[urn.end() :]
        return text if _SPACE.search(text) else self.expand_name(text)

    def expand_word(self, field: str, text: str) -> str:
        """A word as its one full URI; a URI of somebody's own vocabulary as it is.

        Args:
            field: a key of :data:`VOCABULARIES`.
            text: bare word, CURIE, URI or URN.
        """
        vocabulary = VOCABULARIES[field]
        if _WORD.fullmatch(text):
            return vocabulary.uri + text
        uri = self.expand_value(text)
        for other in vocabulary.others:
            if uri.startswith(other):
                return vocabulary.uri + uri.removeprefix(other)
        return uri


def reduce_word(field: str, uri: str) -> str:
    """The bare word of a full URI that :meth:`Context.expand_word` gave; any other URI as it is."""
    vocabulary = VOCABULARIES[field]
    word = uri.removeprefix(vocabulary.uri)
    return word if uri.startswith(vocabulary.uri) and _WORD.fullmatch(word) else uri


def read_context(*contexts: object) -> Context:
    """One meaning from a document's ``@context`` and an event's own, in this order.

    Args:
        contexts: each a URL, an object of prefixes, a list of both, or None where there is none.

    Raises:
        StatementError: another shape, an IRI or prefix that is none, or one of the prefixes of
            the EPCIS context (protected, JSON-LD 1.1 4.1.11) or ``ft`` given another meaning.
        OversizeError: more entries, or longer ones, than the limits above.
    """
    prefixes: dict[str, str] = {}
    urls: list[str] = []
    entries = 0
    for entry in _entries(contexts):
        entries += len(entry) if isinstance(entry, Mapping) else 1
        if entries > MAX_ENTRIES:
            raise OversizeError(f"@context: more than {MAX_ENTRIES} URLs and prefixes")
        if isinstance(entry, Mapping):
            prefixes.update(_prefix(name, iri) for name, iri in entry.items())
        else:
            urls.append(_require_iri(entry))
    if prefixes.get("ft", NAMESPACE) != NAMESPACE:
        raise StatementError(f"@context: the prefix ft is {NAMESPACE} and nothing else: choose another")
    if any(map(_is_epcis, urls)):
        prefixes.update(PREFIXES)
    return Context(MappingProxyType(prefixes), tuple(urls))


def require_epcis(context: Context) -> None:
    """Refuse a document's context that does not name GS1's EPCIS context."""
    if not any(map(_is_epcis, context.urls)):
        raise StatementError(f"@context: it must name the EPCIS context, such as {EPCIS_CONTEXT}")


def _entries(contexts: tuple[object, ...]) -> Iterator[object]:
    for context in contexts:
        if isinstance(context, list):
            yield from context
        elif context is not None:
            yield context


def _is_epcis(url: str) -> bool:
    return EPCIS_CONTEXTS.fullmatch(url) is not None


def _prefix(name: object, iri: object) -> tuple[str, str]:
    """One definition, checked; a known namespace under another name becomes the known one."""
    if not isinstance(name, str) or len(name) > MAX_PREFIX or not _PREFIX.fullmatch(name):
        raise StatementError(
            f"@context: {name!r:.80} is not a prefix: letters, digits, '_', '.' and '-', "
            f"at most {MAX_PREFIX}; keywords and term definitions are not supported"
        )
    if name.lower() in _SCHEMES:
        raise StatementError(f"@context: {name!r} is the scheme of identifiers and cannot be a prefix")
    namespace = _settled(_require_iri(iri))
    if PREFIXES.get(name, namespace) != namespace:
        raise StatementError(f"@context: {name!r} is {PREFIXES[name]} and cannot be {namespace!r:.100}")
    return name, namespace


def _settled(namespace: str) -> str:
    for known, others in _SPELLINGS.items():
        if namespace in others:
            return known
    return namespace


def _require_iri(value: object) -> str:
    if not isinstance(value, str):
        raise StatementError(f"@context: {value!r:.80} is neither a URL nor an object of prefixes and IRIs")
    if len(value) > MAX_IRI:
        raise OversizeError(f"@context: an IRI of {len(value)} characters, at most {MAX_IRI} are read")
    if not _IRI.fullmatch(value):
        raise StatementError(f"@context: {value!r:.80} is not an IRI such as https://example.com/ns/")
    return value
