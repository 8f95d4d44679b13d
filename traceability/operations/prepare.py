"""Making a node ready to run: its folder, its tables at this version, its first checkpoint."""

from __future__ import annotations

from collections.abc import Callable

from traceability.errors import ConflictError
from traceability.operations.keptstate import keep_missing
from traceability.operations.node import Node, init_node, load_node
from traceability.operations.publish import publish
from traceability.operations.reproject import project_missing
from traceability.operations.rollups import fold_missing
from traceability.settings import NodeSettings
from traceability.store.engine import Store


def prepare_node(
    settings: NodeSettings, name: str | None = None, say: Callable[[str], None] = lambda _: None
) -> tuple[Node, bool]:
    """The node in the data folder, made if there is none; its tables at this version.

    Returns:
        The node, and whether it is new.

    Raises:
        ConflictError: a node of another name is there.
    """
    new = not (settings.data / "node.json").exists()
    node = init_node(settings.data, name) if new else load_node(settings.data)
    if name not in {None, node.name}:
        raise ConflictError(f"{settings.data} holds the node {node.name}; a name cannot be changed")
    store = Store(settings.database_url)
    try:
        if not store.is_current():
            say("preparing the tables")
            store.migrate()
        project_missing(store, node.name, say)
        keep_missing(store, say)
        fold_missing(store, say)
        if new:
            publish(store, node)
    finally:
        store.close()
    return node, new
