"""Configurations: only the node's secret makes one, and none asks for what no device should do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceability import media
from traceability.errors import ConfigError, MalformedError, SignatureMismatchError
from traceability.sensing.config import Config, encode_config, open_config
from traceability.sensing.senml import Reading
from traceability.signing import cbor, cose

SECRET = b"\x01" * 32
DEVICE = "34750f98bd59fcfc946da45aaabe933b"
CONFIG = Config(DEVICE, 3, 60, 600, {"air": (0, 5000)})
FIELDS: dict[Any, Any] = {1: DEVICE, 2: 3, 3: 60, 4: 600, 5: {"air": [0, 5000]}}


@st.composite
def configs(draw: st.DrawFn) -> Config:
    reading_s = draw(st.integers(10, 3600))
    most = min(300, 86_400 // reading_s)
    names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)
    limits = st.tuples(st.integers(-100_000, 0), st.integers(1, 100_000))
    return Config(
        draw(st.from_regex(r"[0-9a-f]{32}", fullmatch=True)),
        draw(st.integers(1, 2**32 - 1)),
        reading_s,
        reading_s * draw(st.integers(1, most)),
        draw(st.dictionaries(names, limits, max_size=8)),
    )


@settings(max_examples=30)
@given(configs(), st.binary(min_size=32, max_size=32))
def test_a_configuration_survives_a_round_trip(config: Config, secret: bytes) -> None:
    assert open_config(secret, encode_config(secret, config)) == config


@pytest.mark.parametrize(
    "changes",
    [
        {"reading_s": 9},
        {"reading_s": 3601, "frame_s": 3601},
        {"frame_s": 90},
        {"frame_s": 30},
        {"frame_s": 60 * 301},
        {"reading_s": 3600, "frame_s": 86_400 + 3600},
        {"version": 0},
        {"limits": {"air": (5000, 5000)}},
        {"limits": {"air": (-100_001, 0)}},
        {"limits": {"air": (0, 100_001)}},
        {"limits": {f"t{n}": (0, 1) for n in range(9)}},
    ],
)
def test_what_no_device_should_do_cannot_be_said(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        Config(**asdict(CONFIG) | changes)
    assert refused.value.code == "bad-config"


@pytest.mark.parametrize(
    "fields",
    [
        [],
        {n: v for n, v in FIELDS.items() if n != 5},
        FIELDS | {6: 0},
        FIELDS | {1: "nobody"},
        FIELDS | {2: 2**32},
        FIELDS | {3: True},
        FIELDS | {3: 1},
        FIELDS | {5: []},
        FIELDS | {5: {"air": [0]}},
        FIELDS | {5: {"air": [False, 5000]}},
        FIELDS | {5: {"air": [0, 5.5]}},
        FIELDS | {5: {"Air!": [0, 5000]}},
        FIELDS | {5: {0: [0, 5000]}},
    ],
)
def test_another_shape_is_refused_even_under_the_nodes_own_mac(fields: object) -> None:
    with pytest.raises(MalformedError):
        open_config(SECRET, cose.mac0(SECRET, typ=media.CONFIG, payload=cbor.encode(fields)))


def test_another_secret_or_type_makes_none() -> None:
    with pytest.raises(SignatureMismatchError):
        open_config(bytes(32), encode_config(SECRET, CONFIG))
    with pytest.raises(MalformedError):
        open_config(SECRET, cose.mac0(SECRET, typ=media.RECEIPT, payload=cbor.encode(FIELDS)))


@pytest.mark.parametrize(
    ("name", "unit", "value", "alarming"),
    [
        ("air", "Cel", 5.0, False),
        ("air", "Cel", 5.001, True),
        ("air", "Cel", -0.001, True),
        ("product", "Cel", 40.0, False),
        ("air", "V", 40.0, False),
    ],
)
def test_limits_are_of_one_channel_in_degrees_and_both_ends_are_within(
    name: str, unit: str, value: float, alarming: bool
) -> None:
    assert CONFIG.is_alarming(Reading(name, unit, 0, value)) is alarming
