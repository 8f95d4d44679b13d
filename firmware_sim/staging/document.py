"""YAML as it is read here: safe, small, no key twice, no aliases; times stay text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from traceability.errors import FileError, ScenarioError

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 16
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Refuses what YAML allows and nobody means."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(None, None, "aliases are not read here", self.current_event.start_mark)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                None, None, f"deeper than {MAX_DEPTH} levels", self.current_event.start_mark
            )
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise yaml.MarkedYAMLError(None, None, f"the key {name!r} is no text", key.start_mark)
            if name in seen:
                raise yaml.MarkedYAMLError(None, None, f"the key {name!r} is there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in rows if tag != _TIMESTAMP]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_document(path: Path) -> Any:
    """What a YAML file says.

    Raises:
        FileError: it cannot be read.
        ScenarioError: larger than 256 KiB, not UTF-8, or not such YAML; names file, line and column.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ScenarioError(f"{path} has {len(data)} bytes, at most {MAX_BYTES} are read")
    try:
        return _load(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path} is not UTF-8: byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{path}"
        raise ScenarioError(f"{where}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path} is not YAML: {error}") from error


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
