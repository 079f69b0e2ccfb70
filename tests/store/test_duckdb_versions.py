"""The store on DuckDB 1.5.5 as on 2.0, and one file that both open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.store.test_duck import START, append
from xinji.store.duck import DuckObservations

OLD = "1.5.5"
HERE = Path(__file__).parent
THIS = "test_duckdb_versions.py"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# A step of the other version: opens the file, checks what is there, adds a row of its own.
STEP = """
import sys
from pathlib import Path
import duckdb
import numpy as np
from tests.store.test_duck import START, append
from xinji.store.duck import DuckObservations
assert duckdb.__version__ == sys.argv[2], duckdb.__version__
store = DuckObservations(Path(sys.argv[1]))
number = store.series_number("gauge-0", "rain_mm_h", 0)
rows = store.row_count
assert append(store, [(number, START + rows, float(rows))]).stored == 1
assert append(store, [(number, START + rows, 9.0)]).repeated == 1
store.fold(0)
print(store.row_count, store.commit, store.latest(np.array([number], np.int32))[1][0])
store.close()
"""


@pytest.fixture(scope="module")
def old(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a Python that imports DuckDB 1.5.5 and otherwise what this one does."""
    target = Path(request.config.cache.mkdir(f"duckdb-{OLD}"))  # type: ignore[union-attr]
    if not (target / "duckdb").is_dir():
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--target", str(target), f"duckdb=={OLD}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"duckdb {OLD} cannot be installed here: {done.stderr[-300:]}")
    root = str(HERE.parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join((str(target), root))}


def step(environment: dict[str, str], path: Path, version: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", STEP, str(path), version],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_stores_tests_pass_on_the_old_version(old: dict[str, str]) -> None:
    modules = [str(each) for each in sorted(HERE.glob("test_*.py")) if each.name != THIS]
    others = [str(HERE.parent / "loop" / "test_loop.py"), str(HERE.parent / "plan")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider",
         *modules, *others],
        env=old, cwd=HERE.parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5_000:]


def test_a_file_goes_from_one_version_to_the_other_and_back(
    old: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "observations.duckdb"
    new = os.environ | {"PYTHONPATH": str(HERE.parent.parent)}
    version = duckdb.__version__
    store = DuckObservations(path)
    append(store, [(store.series_number("gauge-0", "rain_mm_h", 0), START, 0.0)])
    store.close()
    assert step(old, path, OLD) == ["2", "2", "1.0"]
    assert step(new, path, version) == ["3", "3", "2.0"]
    assert step(old, path, OLD) == ["4", "4", "3.0"]
    first = tmp_path / "made-by-the-old.duckdb"
    assert step(old, first, OLD) == ["1", "1", "0.0"]
    assert step(new, first, version) == ["2", "2", "1.0"]
