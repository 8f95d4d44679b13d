"""The story that every forged bundle begins with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.world import Story, make_world, tell_story
from traceability.verification.bundle import Bundle, parse_bundle
from traceability.verification.policy import Policy


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("bundle")
    told = tell_story(make_world(folder / "node", f"sqlite:///{folder}/store.sqlite"))
    yield told
    told.world.store.close()


@pytest.fixture(scope="module")
def data(story: Story) -> bytes:
    return story.world.bundle(story.closed)


@pytest.fixture(scope="module")
def bundle(data: bytes) -> Bundle:
    return parse_bundle(data)


@pytest.fixture(scope="module")
def policy(story: Story) -> Policy:
    return story.world.node.policy
