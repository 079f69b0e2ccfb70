"""Reads a plan file (TOML) strictly: every fault is reported with the key where it stands."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from xinji.model.indicators import Path as TargetPath
from xinji.model.indicators import Plan, Target

CHANGNING = Path(__file__).with_name("changning.toml")

FAMILIES = ("network", "facilities", "platforms", "terminals")

OPERATORS = (">=", ">", "<=", "<")


class PlanError(ValueError):
    """The plan file is wrong; the message names the file, the key and what is wrong there."""


def read_plan(path: Path | str | None = None) -> Plan:
    """The plan of a file; without `path`, Changning's.

    Raises:
        OSError: the file cannot be read.
        PlanError: it is not TOML, or a key is missing, unknown, of the wrong type, or refers to
            nothing. The message names the key, e.g. `targets[3].op`.
    """
    file = Path(path) if path is not None else CHANGNING
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{file.name}: not a TOML file: {error}") from error
    faults = list(_unknown_keys(data, msgspec.inspect.type_info(Plan), ""))
    if faults:
        raise PlanError(f"{file.name}: " + "; ".join(faults))
    try:
        plan = msgspec.convert(data, Plan)
    except msgspec.ValidationError as error:
        # msgspec ends its message with the place: "... - at `$.targets[3].op`"
        words = str(error).replace("`$.", "`").replace("`$`", "the top")
        raise PlanError(f"{file.name}: {words}") from error
    faults = check(plan)
    if faults:
        raise PlanError(f"{file.name}: " + "; ".join(faults))
    return plan


def check(plan: Plan) -> list[str]:
    """What is wrong with a plan, one sentence each, naming the key; empty when nothing is."""
    faults: list[str] = []
    names = [f.name for f in plan.families]
    faults += [
        f"families: {n!r} is not one of {', '.join(FAMILIES)}" for n in names if n not in FAMILIES
    ]
    faults += _repeated("families.name", names)
    faults += _repeated("tasks.number", (t.number for t in plan.tasks))
    faults += _repeated("existing.number", (e.number for e in plan.existing))
    faults += _repeated("targets.indicator", (t.indicator for t in plan.targets))
    for i, task in enumerate(plan.tasks):
        if task.family not in names:
            faults.append(f"tasks[{i}].family: no family {task.family!r}")
        if task.number < 1:
            faults.append(f"tasks[{i}].number: {task.number} is below 1")
    numbers = {t.number for t in plan.tasks}
    for i, target in enumerate(plan.targets):
        if target.task not in numbers:
            faults.append(f"targets[{i}].task: no task {target.task}")
        faults += [f"targets[{i}].{fault}" for fault in _target_faults(target)]
    return faults


def _target_faults(target: Target) -> Iterator[str]:
    where = f"({target.indicator})"
    if target.op not in OPERATORS:
        yield f"op: {target.op!r} is not one of {' '.join(OPERATORS)} {where}"
    for key in ("indicator", "clause", "unit"):
        if not getattr(target, key).strip():
            yield f"{key}: is empty {where}"
    if not (target.promise.zh.strip() and target.promise.en.strip()):
        yield f"promise: is empty in a language {where}"
    if not target.values:
        yield f"values: at least one dated value is asked {where}"
        return
    dates: list[dt.date] = [v.date for v in target.values]
    if any(a >= b for a, b in itertools.pairwise(dates)):
        yield f"values: dates are not ascending {where}"
    if not all(math.isfinite(v.value) for v in target.values):
        yield f"values: not a finite number {where}"
    if target.baseline is not None and target.baseline.date > dates[0]:
        yield f"baseline: {target.baseline.date} is after the first value {where}"
    if target.path is TargetPath.LINEAR and target.baseline is None:
        yield f"baseline: a linear path asks for one {where}"


def _repeated(key: str, values: Iterable[Any]) -> list[str]:
    return [f"{key}: {v!r} occurs {n} times" for v, n in Counter(values).items() if n > 1]


def _unknown_keys(data: Any, info: msgspec.inspect.Type, at: str) -> Iterator[str]:
    """Keys that the model does not know: usually a misspelling, which must not pass silently."""
    if isinstance(info, msgspec.inspect.UnionType):
        for one in info.types:
            yield from _unknown_keys(data, one, at)
    elif isinstance(info, msgspec.inspect.VarTupleType) and isinstance(data, list):
        for i, item in enumerate(data):
            yield from _unknown_keys(item, info.item_type, f"{at}[{i}]")
    elif isinstance(info, msgspec.inspect.StructType) and isinstance(data, dict):
        known = {field.encode_name: field.type for field in info.fields}
        for key, value in data.items():
            place = f"{at}.{key}" if at else key
            if key in known:
                yield from _unknown_keys(value, known[key], place)
            else:
                yield f"{place}: unknown key"
