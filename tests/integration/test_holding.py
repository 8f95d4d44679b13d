"""A lock file that one process holds: whoever made the file, and whatever stands in its place."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from traceability.errors import SettingsError
from traceability.holding import holding

OTHER = """
import os, sys
from pathlib import Path
from traceability.holding import holding
if os.getuid() == 0:
    os.setuid(65534)
with holding(Path(sys.argv[1]), "taken", "wait"):
    print("held")
"""


def test_only_one_holds_it_and_then_the_next(tmp_path):
    path = tmp_path / "a.lock"
    with (
        holding(path, "taken", "wait"),
        pytest.raises(SettingsError, match="taken"),
        holding(path, "taken", "wait"),
    ):
        pass
    with holding(path, "taken", "wait"):
        pass


def test_a_file_that_another_user_made_can_be_held():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folder is for one user
        path = Path(folder) / "a.lock"
        path.parent.chmod(0o755)
        with holding(path, "taken", "wait"):
            pass
        command = [sys.executable, "-c", OTHER, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "held\n"), done.stderr


def test_what_cannot_be_held_is_said_with_what_to_do(tmp_path):
    for path in (tmp_path / "none" / "a.lock", tmp_path / "link.lock"):
        if path.name == "link.lock":
            path.symlink_to(path)
        said = re.escape(f"{path} cannot be held")
        with pytest.raises(SettingsError, match=said), holding(path, "taken", "wait"):
            pass
