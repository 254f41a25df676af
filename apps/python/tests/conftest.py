"""What the tests share. They run against an installed or unpacked wheel, never against this folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import glimpse

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    return sorted((PROJECT / "assets/photos").glob("*.jpg"))


@pytest.fixture(scope="session")
def captioner() -> glimpse.Captioner:
    return glimpse.Captioner.from_pretrained(device="cpu")


@pytest.fixture(scope="session")
def program() -> list[str]:
    """The command `glimpse`: the executable that GLIMPSE_PROGRAM names, or else the wheel's own."""
    named = os.environ.get("GLIMPSE_PROGRAM")
    return [named] if named else [sys.executable, "-m", "glimpse"]


@pytest.fixture(scope="session")
def run_python():
    """Runs a script in a Python of its own and returns what it printed."""

    def run(script: str, *arguments: str, **variables: str) -> str:
        command = [sys.executable, "-c", script, *arguments]
        environment = {**os.environ, **variables}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
