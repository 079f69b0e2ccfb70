"""`xinji plan`: the board, or the lineage of one figure, in the terminal."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import Any

import msgspec

from xinji.cli.data_folder import house_in
from xinji.cli.remote import Remote, remote
from xinji.cli.server import Options, open_house
from xinji.plan.board import Board, Line, board, card
from xinji.store.folder import FolderError

_LIGHTS = {"ahead": "▲", "on path": "●", "behind": "▼", "no data": "·"}


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("plan", help="the plan board")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--plan", type=Path)
    parser.add_argument("--as-of", type=dt.date.fromisoformat, help="a day, 2024-06-30")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lineage", metavar="ID", help="show one figure down to its rows")


def run(arguments: argparse.Namespace) -> int:
    """Print the board or a card. Works on a stopped folder, and on a running one through it."""
    day: dt.date | None = arguments.as_of
    data = house_in(arguments.data)
    answer: Any
    try:
        site = open_house(Options(data=data, plan=arguments.plan))
    except FolderError:
        running = remote(data)
        if running is None:
            raise
        answer = _ask(running, arguments.lineage, day)
    else:
        try:
            house = site.house
            day = day or house.clock.day()
            if arguments.lineage:
                target = next(
                    (t for t in site.plan.targets if t.indicator == arguments.lineage), None
                )
                answer = card(house.figures, target, day) if target else None
            else:
                answer = board(site.plan, house.declared.systems, house.figures, day)
        finally:
            site.house.close()
    if answer is None:
        print(f"xinji plan: no indicator {arguments.lineage} in the plan", file=sys.stderr)
        return 2
    if arguments.json:
        plain = msgspec.to_builtins(answer)
        print(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode())
    elif arguments.lineage:
        _print_card(answer)
    else:
        _print_board(msgspec.convert(msgspec.to_builtins(answer), Board))
    return 0


def _ask(running: Remote, lineage: str | None, day: dt.date | None) -> Any:
    path = f"/api/plan/indicators/{lineage}" if lineage else "/api/plan"
    return running.get(path, {"as_of": day.isoformat() if day else ""})


def _print_board(shown: Board) -> None:
    print(f"{shown.title.zh}  {shown.as_of}")
    lights = "  ".join(f"{_LIGHTS[name]} {name} {n}" for name, n in shown.lights.items())
    print(lights)
    for family in shown.families:
        print(f"\n{family['title']['zh']}  {family['title']['en']}")
        for task in shown.tasks:
            if task.family != family["name"]:
                continue
            systems = ", ".join(task.systems) or "-"
            print(f"  {task.number:>2} {task.name}  [{systems}]")
            for line in task.indicators:
                print(f"      {_row(line)}")
                print(f"        {line.clause}  {line.promise.zh}")


def _row(line: Line) -> str:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:,.{line.decimals}f}"

    return (
        f"{_LIGHTS[line.status.value]} {line.status.value:<8} {line.id}  {line.title.zh}  "
        f"value {number(line.value)} {line.unit} ({line.source or 'no data'})  "
        f"required today {number(line.required_today)}  "
        f"target {line.op} {number(line.target)} by {line.due}"
    )


def _print_card(answer: dict[str, Any]) -> None:
    print(f"{answer['title']['zh']}  {answer['title']['en']}  ({answer['id']})")
    print(f"clause    {answer['clause']}\npromise   {answer['promise']['zh']}")
    print(f"target    {answer['op']} {answer['target']} {answer['unit']} by {answer['due']}")
    asked = f"required {_asked(answer['required_today'])}"
    if answer["value"] is None:
        reason = _reason(answer)
        print(f"today     no data{f' ({reason})' if reason else ''}, {asked}")
    else:
        source = answer["source"] or "source unknown"
        print(f"today     value {answer['value']}, {asked}: {answer['status']} ({source})")
    if not answer["sql"]:
        return
    lineage = answer["lineage"]
    print(f"tables    {', '.join(lineage['tables'])}")
    print(f"value     {', '.join(lineage['value_columns']) or '(count of rows)'}")
    print(f"filters   {', '.join(lineage['filter_columns'])}")
    print("sql")
    for each in answer["sql"].splitlines():
        print(f"    {each}")
    rows = answer["rows"]
    print(f"rows      {len(rows['rows'])} of {rows['total']}")
    print("    " + " | ".join(rows["columns"]))
    for row in rows["rows"][:20]:
        print("    " + " | ".join("-" if cell is None else str(cell) for cell in row))
    print("history")
    history = answer["history"]
    for day, value, wanted in zip(
        history["date"], history["value"], history["required"], strict=True
    ):
        print(f"    {day}  {'no data' if value is None else value}  required {_asked(wanted)}")


def _asked(required: float | None) -> str:
    return "nothing yet" if required is None else str(required)


def _reason(answer: dict[str, Any]) -> str:
    """Why a figure has no value, as far as that is known; "" when it is not."""
    if not answer["sql"]:
        return "no system computes this figure yet"
    rows = answer["rows"]
    fault = answer["fault"] or (rows["rows"][0][0] if rows["columns"] == ["fault"] else "")
    if fault:
        return str(fault).splitlines()[0]
    return "" if rows["total"] else "no rows behind it"
