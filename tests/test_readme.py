"""What the two READMEs say of the systems and of the commands is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xinji.system.declaration import Grade
from xinji.system.discovery import discover

ROOT = Path(__file__).parents[1]
GRADES = {"README.md": ("bronze", "silver", "gold"), "README.zh-CN.md": ("铜", "银", "金")}
COUNTS = {
    "README.md": "{} systems, for {} of the plan's 23 tasks",
    "README.zh-CN.md": "{} 个系统,对应规划 23 项任务中的 {} 项",
}


@pytest.mark.parametrize("name", COUNTS)
def test_the_table_lists_every_system_with_its_tasks_and_grade(name: str) -> None:
    text = (ROOT / name).read_text()
    grades = dict(zip(Grade, GRADES[name], strict=True))
    listed = {
        found[1]: ([int(n) for n in re.split("[,、] *", found[2])], found[3])
        for found in re.finditer(
            r"^\| \[([\w.]+)\]\(.+\) \|.*\| ([\d,、 ]+) \| (\w+) \|$", text, re.M
        )
    }
    systems = discover(entry_points=False)
    assert listed == {each.name: (sorted(each.tasks), grades[each.grade]) for each in systems}
    tasks = {task for each in systems for task in each.tasks}
    assert COUNTS[name].format(len(systems), len(tasks)) in text


def test_both_languages_show_the_same_commands() -> None:
    def commands(name: str) -> list[str]:
        blocks = re.findall(r"```sh\n(.*?)```", (ROOT / name).read_text(), re.S)
        lines = (line.partition(" #")[0].strip() for block in blocks for line in block.splitlines())
        return [re.sub("<[^>]+>", "<>", line) for line in lines]

    assert commands("README.md") == commands("README.zh-CN.md")
