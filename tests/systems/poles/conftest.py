"""An avenue for a test: one house for a file, cleared between its tests; or one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systems.poles.avenue import Avenue


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Avenue]:
    """The house of a file: starting one takes seconds."""
    made = Avenue(tmp_path_factory.mktemp("avenue"))
    yield made
    made.close()


@pytest.fixture
def avenue(standing: Avenue) -> Avenue:
    """The house of the file, with nothing mounted."""
    standing.clear()
    return standing


@pytest.fixture
def own_avenue(tmp_path: Path) -> Iterator[Avenue]:
    """A house of its own."""
    made = Avenue(tmp_path / "data")
    yield made
    made.close()
