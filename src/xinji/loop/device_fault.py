"""The case type "device fault": opened by a rule, worked by people, closed by the rule."""

from __future__ import annotations

from xinji.model.cases import Action, CaseClass, CaseType, Clock, State, Timer
from xinji.model.title import Title

WORK = ("filed", "assigned", "handling")
PEOPLE = ("operator", "administrator")

DEVICE_FAULT = CaseType(
    name="device-fault",
    title=Title("设备故障", "Device fault"),
    initial="filed",
    states=(
        State(name="filed", title=Title("已立案", "Filed"), stage="立案"),
        State(name="assigned", title=Title("已派遣", "Assigned"), stage="派遣"),
        State(name="handling", title=Title("处置中", "Handling"), stage="处置"),
        State(
            name="verifying",
            title=Title("待核查", "Awaiting re-check"),
            stage="核查",
            clock=Clock.PAUSE,
        ),
        State(
            name="closed",
            title=Title("已结案", "Closed"),
            stage="结案",
            clock=Clock.STOP,
            final=True,
        ),
    ),
    actions=(
        Action(
            name="assign",
            title=Title("派遣", "Assign"),
            source=("filed", "assigned"),
            target="assigned",
            roles=PEOPLE,
            requires=("assignee",),
        ),
        Action(
            name="accept",
            title=Title("接单", "Accept"),
            source=("assigned",),
            target="handling",
            roles=PEOPLE,
        ),
        Action(
            name="return",
            title=Title("退回", "Return"),
            source=("assigned", "handling"),
            target="filed",
            roles=PEOPLE,
            requires=("note",),
        ),
        Action(
            name="done",
            title=Title("处置完成", "Done"),
            source=("assigned", "handling"),
            target="verifying",
            roles=PEOPLE,
            requires=("note",),
        ),
        Action(
            name="verify",
            title=Title("复核通过", "Re-check passed"),
            source=("verifying",),
            target="closed",
            roles=("rule",),
            guard="signal-good",
            outcome="verified",
        ),
        Action(
            name="confirm",
            title=Title("人工复核通过", "Confirmed by a person"),
            source=("verifying",),
            target="closed",
            roles=PEOPLE,
            requires=("note",),
            guard="signal-none",
            outcome="confirmed",
        ),
        Action(
            name="rework",
            title=Title("返工", "Rework"),
            source=("verifying",),
            target="assigned",
            roles=("timer", *PEOPLE),
            guard="signal-bad",
        ),
        Action(
            name="recover",
            title=Title("自行恢复", "Recovered by itself"),
            source=WORK,
            target="closed",
            roles=("timer",),
            guard="signal-good",
            outcome="recovered",
        ),
        Action(
            name="escalate",
            title=Title("超时升级", "Escalate"),
            source=WORK,
            roles=("timer",),
        ),
        # by the machine alone, and only what nobody has taken up yet
        Action(
            name="merge",
            title=Title("并入成批事件", "Merged into an incident"),
            source=("filed",),
            target="closed",
            roles=("rule",),
            sets=("parent",),
            outcome="merged",
        ),
        Action(
            name="void",
            title=Title("作废", "Void"),
            source=(*WORK, "verifying"),
            target="closed",
            roles=("administrator",),
            requires=("note",),
            outcome="void",
        ),
    ),
    timers=(
        Timer(name="recheck", states=("verifying",), action="rework", seconds=600),
        Timer(name="recover", states=WORK, action="recover", starts="signal-good", seconds=60),
        Timer(name="limit", states=WORK, action="escalate", starts="limit"),
    ),
    limit_seconds=24 * 3600,
)

DEVICE_SILENT = CaseClass(
    name="device-silent",
    title=Title("设备失联", "Device silent"),
    type="device-fault",
    limit_seconds=4 * 3600,
)
DEVICE_DATA = CaseClass(
    name="device-data",
    title=Title("设备数据异常", "Device data implausible"),
    type="device-fault",
    limit_seconds=24 * 3600,
)
"""Classes that any system's rules may use."""
DEVICE_GROUP = CaseClass(
    name="device-group",
    title=Title("成批设备异常", "Many devices at once"),
    type="device-fault",
    limit_seconds=2 * 3600,
)
"""One cause with all the alarms that it explains: the class of an incident's case."""
