"""Which module answers a verb, and that a verb does not wait for what others need."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import import_module

import pytest

from traceability.__main__ import VERBS, build_parser


@pytest.mark.parametrize("module", VERBS)
def test_a_module_is_said_to_have_the_verbs_that_it_has(module):
    added = argparse.ArgumentParser().add_subparsers()
    import_module(f"traceability.commands.{module}").add(added)
    assert tuple(added.choices) == VERBS[module]


def test_a_verb_brings_those_of_its_module_alone_and_anything_else_brings_all():
    def offered(verb):
        return next(tuple(action.choices) for action in build_parser(verb)._actions if action.choices)

    assert offered("install") == VERBS["node"]
    every = tuple(verb for verbs in VERBS.values() for verb in verbs)
    assert offered(None) == offered("--help") == offered("instal") == every


def test_a_witness_starts_without_a_database():
    program = (
        "import sys; from traceability.__main__ import build_parser;"
        "build_parser('witness'); sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
