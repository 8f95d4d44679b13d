"""GS1 keys: one table of them, and one reader for each of their two forms.

table   what each key is made of: elements, lengths, character sets, check digits
keys    a key as a value; from and to EPC URNs and GS1 Digital Links
"""

from __future__ import annotations

from traceability.gs1.keys import (
    MAX_URI_CHARS,
    Key,
    decode_value,
    encode_value,
    parse_digital_link,
    parse_key,
    parse_urn,
)
from traceability.gs1.table import (
    COMPANY_PREFIX,
    CSET82,
    GLN,
    GTIN,
    KEYS,
    LOT,
    Part,
    Scheme,
    check_digit,
    is_restricted,
    parse_company_prefix,
)

__all__ = [
    "COMPANY_PREFIX",
    "CSET82",
    "GLN",
    "GTIN",
    "KEYS",
    "LOT",
    "MAX_URI_CHARS",
    "Key",
    "Part",
    "Scheme",
    "check_digit",
    "decode_value",
    "encode_value",
    "is_restricted",
    "parse_company_prefix",
    "parse_digital_link",
    "parse_key",
    "parse_urn",
]
