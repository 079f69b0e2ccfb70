from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.live import Live


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    made = Live(tmp_path_factory.mktemp("live") / "data")
    yield made
    made.close()
