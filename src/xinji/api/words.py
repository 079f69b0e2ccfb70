"""Lists in words: what a person opens in a spreadsheet, in one language and the district's time.

Programs read the same lists by `format` alone: names of fields, codes and times in UTC stay there.
A field without a heading here is for programs and is left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from xinji.loop.calendars import DISTRICT_TIME
from xinji.loop.house import House
from xinji.model.title import Title
from xinji.store.work_schema import departments

LANGUAGES = ("zh-CN", "en")

HEADINGS: dict[str, Title] = {
    "id": Title("编号", "Number"),
    "title": Title("标题", "Title"),
    "name": Title("名称", "Name"),
    "kind": Title("种类", "Kind"),
    "class_title": Title("类别", "Class"),
    "case_class_title": Title("类别", "Class"),
    "rule": Title("规则", "Rule"),
    "state": Title("状态", "State"),
    "state_title": Title("状态", "State"),
    "stage": Title("阶段", "Stage"),
    "severity": Title("级别", "Severity"),
    "value": Title("测得值", "Value"),
    "extreme": Title("极值", "Extreme"),
    "limit": Title("限值", "Limit"),
    "thing_name": Title("设备", "Thing"),
    "text": Title("内容", "Text"),
    "address": Title("地点", "Address"),
    "area": Title("所在区域", "Area"),
    "longitude": Title("经度", "Longitude"),
    "latitude": Title("纬度", "Latitude"),
    "owner": Title("权属单位", "Owner"),
    "at": Title("时间", "Time"),
    "happened_at": Title("发生时间", "Happened"),
    "received_at": Title("受理时间", "Received"),
    "started_at": Title("开始时间", "Began"),
    "detected_at": Title("告警时间", "Detected"),
    "ended_at": Title("恢复时间", "Ended"),
    "opened_at": Title("立案时间", "Opened"),
    "due_at": Title("应办结时间", "Due"),
    "closed_at": Title("结案时间", "Closed"),
    "last_seen": Title("最近上报", "Last heard"),
    "in_service_since": Title("投用时间", "In service since"),
    "retired_at": Title("停用时间", "Retired"),
    "outcome": Title("结果", "Outcome"),
    "disposition": Title("处理方式", "Disposition"),
    "department": Title("处置部门", "Department"),
    "assignee": Title("经办人", "Assignee"),
    "overdue": Title("超时", "Overdue"),
    "clock_seconds": Title("已计时（小时）", "On the clock (hours)"),
    "limit_seconds": Title("时限（小时）", "Limit (hours)"),
    "calendar": Title("计时方式", "Counted in"),
    "channel": Title("来源渠道", "Channel"),
    "urgency": Title("紧急程度", "Urgency"),
    "case": Title("案件", "Case"),
    "case_id": Title("案件", "Case"),
    "reports": Title("上报数", "Reports"),
    "open_events": Title("未恢复告警", "Open events"),
    "open_cases": Title("未结案件", "Open cases"),
    "rating": Title("评价", "Rating"),
    "source": Title("数据来源", "Source"),
}
"""Heading of a field, whatever list it stands in."""

WORDS: dict[str, dict[str, Title]] = {
    "state": {
        "good": Title("正常", "Good"),
        "alarm": Title("告警", "Alarm"),
        "silent": Title("失联", "Silent"),
        "no data": Title("无数据", "No data"),
        "not reporting": Title("不上报", "Does not report"),
        "stale": Title("数据陈旧", "Stale"),
    },
    "severity": {
        "critical": Title("紧急", "Critical"),
        "major": Title("重要", "Major"),
        "minor": Title("次要", "Minor"),
        "warning": Title("提示", "Warning"),
    },
    "source": {
        "measured": Title("实测", "Measured"),
        "replayed": Title("回放", "Replayed"),
        "simulated": Title("模拟", "Simulated"),
        "unknown": Title("来源未标明", "Not stated"),
    },
    "stage": {
        "受理": Title("受理", "Intake"),
        "立案": Title("立案", "Filing"),
        "派遣": Title("派遣", "Dispatch"),
        "处置": Title("处置", "Handling"),
        "核查": Title("核查", "Verification"),
        "结案": Title("结案", "Closed"),
    },
    "outcome": {
        "verified": Title("机器复核通过", "Verified by machine"),
        "confirmed": Title("人工核查通过", "Confirmed by a person"),
        "refused": Title("不予立案", "Refused"),
        "merged": Title("并案", "Merged"),
        "void": Title("作废", "Void"),
        "recovered": Title("自行恢复", "Recovered"),
    },
    "disposition": {
        "filed": Title("新案", "New case"),
        "merged": Title("自动并案", "Joined by machine"),
        "asked": Title("新案，待判重", "New case, asked"),
        "attached": Title("人工并案", "Joined by a person"),
        "split": Title("已拆出", "Taken out"),
    },
    "calendar": {
        "emergency-hours": Title("紧急工作时", "Emergency hours"),
        "work-hours": Title("工作时", "Working hours"),
        "work-days": Title("工作日", "Working days"),
        "natural-days": Title("自然日", "Calendar days"),
    },
    "channel": {
        "camera": Title("视频", "Camera"),
        "sensor": Title("传感器", "Sensor"),
        "patrol": Title("巡查", "Patrol"),
        "12345": Title("12345", "12345"),
        "110": Title("110 非警情", "110"),
        "open311": Title("Open311", "Open311"),
        "resident": Title("市民", "Resident"),
    },
    "urgency": {
        "emergency": Title("特急", "Emergency"),
        "urgent": Title("紧急", "Urgent"),
        "high": Title("急", "High"),
        "normal": Title("一般", "Normal"),
        "low": Title("不急", "Low"),
    },
}
"""Words of the values of a field; a value that is not here is shown as it is."""


class Speaker:
    """Turns values into what people read: one language, the names that a house knows."""

    def __init__(self, house: House, language: str) -> None:
        self._house, self._chinese = house, language == LANGUAGES[0]
        with house.database.reading() as connection:
            rows = connection.execute(sa.select(departments)).all()
        self._rules = house.rule_titles()
        self._departments = {row.code: Title(row.title_zh, row.title_en) for row in rows}
        self._special: dict[str, Callable[[Any], Any]] = {
            "area": self._area,
            "kind": self._kind,
            "rule": self._rule,
            "department": self._department,
            "clock_seconds": _hours,
            "limit_seconds": _hours,
        }

    def say(self, title: Title) -> str:
        """A title in the language."""
        return title.zh if self._chinese else title.en

    def table(self, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Items of a list as rows under headings, the fields in the order of the items."""
        names = list(dict.fromkeys(name for item in items for name in item))
        # `state_title` says what `state` is a code for
        names = [n for n in names if n in HEADINGS and f"{n}_title" not in names]
        return [
            {self.say(HEADINGS[name]): self.value(name, item.get(name)) for name in names}
            for item in items
        ]

    def value(self, name: str, value: Any) -> Any:
        """One value; a number stays a number."""
        if value is None or value == "":
            return None
        if name in self._special:
            return self._special[name](value)
        if isinstance(value, Title):
            return self.say(value)
        if isinstance(value, bool):
            return self.say(Title("是", "yes") if value else Title("否", "no"))
        if isinstance(value, int | float):
            return value
        if isinstance(value, list | tuple):
            joint = "、" if self._chinese else ", "
            return joint.join(str(self.value(name, each)) for each in value)
        text = str(value)
        known = WORDS.get(name, {}).get(text)
        if known is not None:
            return self.say(known)
        if name.endswith("_at") or name in ("at", "last_seen", "in_service_since"):
            return _moment(text)
        return text

    def _area(self, code: str) -> str:
        known = self._house.registry.areas.get(code)
        return self.say(known.title) if known else code

    def _kind(self, name: str) -> str:
        known = self._house.registry.kinds.get(name)
        return self.say(known.title) if known else name

    def _rule(self, name: str) -> str:
        known = self._rules.get(name)
        return self.say(known) if known else name

    def _department(self, code: str) -> str:
        title = self._departments.get(code)
        return self.say(title) if title else code


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 2)


def _moment(text: str) -> str:
    """`2026-11-30T08:00:00Z` in the district's time, to the second."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    return found.astimezone(DISTRICT_TIME).strftime("%Y-%m-%d %H:%M:%S")
