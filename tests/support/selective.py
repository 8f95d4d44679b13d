"""The cases of the SD-JWT reference implementation: what is hidden, what is shown, what comes out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from traceability.signing import sdjwt
from traceability.signing.keys import PrivateKey

CASES = [
    "array_data_types",
    "array_full_sd",
    "array_in_sd",
    "array_nested_in_plain",
    "array_none_disclosed",
    "array_of_nulls",
    "array_of_objects",
    "array_of_scalars",
    "array_recursive_sd",
    "array_recursive_sd_some_disclosed",
    "header_mod",
    "json_serialization_flattened",
    "json_serialization_general",
    "key_binding",
    "no_sd",
    "object_data_types",
    "recursions",
]
KEY = PrivateKey.from_seed(bytes([2]) * 32)
TYP = "application/example+sd-jwt"
REGISTERED = {"iss": "https://example.com/issuer", "iat": 1_683_000_000}


class Specification:
    """One specification.yml: its values, and the paths of its user claims that are tagged ``!sd``."""

    def __init__(self, file: Path) -> None:
        self.loader = yaml.SafeLoader(file.read_text(encoding="utf-8"))
        root = self.loader.get_single_node()
        assert isinstance(root, yaml.MappingNode)
        self.hidden: set[sdjwt.Path] = set()
        self.values: dict[str, Any] = {}
        for name, node in root.value:
            self.values[name.value] = self.value(node, ())

    def value(self, node: yaml.Node, path: sdjwt.Path) -> object:
        """The plain value of a node; on the way notes what is to be hidden."""
        if isinstance(node, yaml.MappingNode):
            return {self.name(key, path): self.value(item, (*path, key.value)) for key, item in node.value}
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self.element(item, (*path, index)) for index, item in items]
        assert isinstance(node, yaml.ScalarNode)
        node.tag = self.loader.resolve(yaml.ScalarNode, node.value, (node.style is None, False))
        value = self.loader.construct_object(node)
        return Decimal(node.value) if isinstance(value, float) else value

    def name(self, key: yaml.ScalarNode, path: sdjwt.Path) -> str:
        if key.tag == "!sd":
            self.hidden.add((*path, key.value))
        return str(key.value)

    def element(self, item: yaml.Node, path: sdjwt.Path) -> object:
        if item.tag == "!sd":
            self.hidden.add(path)
        return self.value(item, path)


def wanted(choice: object, path: sdjwt.Path) -> bool:
    """Whether the holder's choices show the hidden part at a path."""
    for step in path:
        if isinstance(choice, dict):
            choice = choice.get(step)
        elif isinstance(choice, list) and isinstance(step, int) and step < len(choice):
            choice = choice[step]
        else:
            return False
    return choice not in (None, False)


def issued(specification: Specification) -> sdjwt.Issued:
    claims = REGISTERED | specification.values["user_claims"]
    return sdjwt.issue(KEY, claims, specification.hidden.__contains__, typ=TYP)
