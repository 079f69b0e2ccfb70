"""What the benchmarks store past the program is whole to the program's own check."""

import pytest

from benchmarks import cases, lifecycles
from xinji.access.audit import verify
from xinji.system.assembly import assemble


@pytest.mark.parametrize("fill", [cases.fill, lambda file, total: lifecycles.fill(file, total, 3)])
def test_the_stored_steps_are_linked_and_bound(tmp_path, fill):
    house = assemble(tmp_path / "data", [])
    file = house.folder.registry
    house.close()
    steps = fill(file, 40)
    house = assemble(tmp_path / "data", [])
    faults = verify(house.database, house.folder.checkpoints)
    house.close()
    assert steps >= 40
    assert [each for each in faults if each.chain != "reports"] == []
