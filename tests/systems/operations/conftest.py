"""One street for a test file: starting a house with every system takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systems.operations.street import Street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """A served house of its own."""
    made = Street(tmp_path / "data")
    yield made
    made.close()
