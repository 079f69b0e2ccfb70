"""The urban case as a table: 受理 立案 派遣 处置 核查 结案, with everything that may come between.

Words 核实 and 核查 are swapped between cities; here a check before filing is `checking`, and one
before closing is `verifying` (by machine) or `reviewing` (by a person).
"""

from __future__ import annotations

from xinji.model.cases import Action, CaseType, Clock, Effect, State, Timer
from xinji.model.title import Title

DAY = 86_400.0

# -- posts (岗位): an administrator does all, an operator without a post holds `any` -------

INTAKE = ("intake", "shift-leader", "any", "administrator")
SHIFT_LEADER = ("shift-leader", "any", "administrator")
DISPATCHER = ("dispatcher", "shift-leader", "any", "administrator")
DEPARTMENT = ("department", "worker", "any", "administrator")
INSPECTOR = ("inspector", "any", "administrator")
LEADER = ("leader", "administrator")

POSTS = {
    "inspector": Title("监督员", "Grid inspector"),
    "intake": Title("受理员", "Intake officer"),
    "shift-leader": Title("值班长", "Shift leader"),
    "dispatcher": Title("派遣员", "Dispatcher"),
    "department": Title("处置部门", "Handling department"),
    "worker": Title("处置人员", "Worker"),
    "leader": Title("督办领导", "Supervising leader"),
}

# -- states ------------------------------------------------------------------------------

WORK = ("dispatched", "handling")
ASKING = ("extension-asked", "extension-endorsed", "suspension-asked")
OPEN = ("reported", "checking", "filed", *WORK, *ASKING, "suspended", "verifying", "reviewing")

STATES = (
    State(name="reported", title=Title("待立案", "Reported"), stage="受理", clock=Clock.PAUSE),
    State(name="checking", title=Title("核实中", "Being checked"), stage="受理", clock=Clock.PAUSE),
    State(name="filed", title=Title("已立案", "Filed"), stage="立案"),
    State(name="dispatched", title=Title("已派遣", "Dispatched"), stage="派遣"),
    State(name="handling", title=Title("处置中", "Handling"), stage="处置"),
    State(
        name="extension-asked",
        title=Title("延期待批", "Extension asked"),
        stage="处置",
        clock=Clock.PAUSE,
    ),
    State(
        name="extension-endorsed",
        title=Title("延期待终批", "Extension endorsed"),
        stage="处置",
        clock=Clock.PAUSE,
    ),
    State(
        name="suspension-asked",
        title=Title("挂账待批", "Suspension asked"),
        stage="处置",
        clock=Clock.PAUSE,
    ),
    State(name="suspended", title=Title("挂账", "Suspended"), stage="处置", clock=Clock.PAUSE),
    State(
        name="verifying",
        title=Title("机器复核中", "Re-check by machine"),
        stage="核查",
        clock=Clock.PAUSE,
    ),
    State(
        name="reviewing",
        title=Title("待人工核查", "Awaiting a person's check"),
        stage="核查",
        clock=Clock.PAUSE,
    ),
    State(
        name="closed", title=Title("已结案", "Closed"), stage="结案", clock=Clock.STOP, final=True
    ),
    State(
        name="appealed",
        title=Title("申诉待审", "Appeal asked"),
        stage="结案",
        clock=Clock.STOP,
        final=True,
    ),
    State(
        name="appeal-endorsed",
        title=Title("申诉待终审", "Appeal endorsed"),
        stage="结案",
        clock=Clock.STOP,
        final=True,
    ),
)

# -- actions -----------------------------------------------------------------------------


def _act(
    name: str,
    zh: str,
    en: str,
    source: tuple[str, ...],
    roles: tuple[str, ...],
    target: str = "",
    requires: tuple[str, ...] = (),
    outcome: str = "",
    guard: str = "",
    sets: tuple[str, ...] = (),
    effect: Effect | None = None,
    at_most: int = 0,
) -> Action:
    return Action(
        name=name,
        title=Title(zh, en),
        source=source,
        roles=roles,
        target=target,
        requires=requires,
        outcome=outcome,
        guard=guard,
        sets=sets,
        effect=effect,
        at_most=at_most,
    )


_CLASSED = ("case_class", "condition", "calendar", "limit_us", "department", "severity")
_NOTE = ("note",)

ACTIONS = (
    # before filing
    _act("ask-check", "要求核实", "Ask for a check", ("reported",), (*INTAKE, "rule"), "checking"),
    _act(
        "answer-check",
        "核实结果",
        "Answer the check",
        ("checking",),
        INSPECTOR,
        "reported",
        ("note", "photos"),
    ),
    _act(
        "file",
        "立案",
        "File",
        ("reported", "checking"),
        (*INTAKE, "rule"),
        "filed",
        sets=_CLASSED,
    ),
    _act(
        "refuse",
        "不予立案",
        "Refuse",
        ("reported", "checking"),
        INTAKE,
        "closed",
        _NOTE,
        outcome="refused",
    ),
    _act(
        "reclassify",
        "更正类别",
        "Correct the class",
        ("reported", "checking", "filed", "dispatched"),
        INTAKE,
        requires=("note", "condition"),
        sets=_CLASSED,
    ),
    # dispatch and work
    _act(
        "dispatch",
        "派遣",
        "Dispatch",
        ("filed", "dispatched"),
        (*DISPATCHER, "rule"),
        "dispatched",
        ("assignee",),
        sets=("department",),
    ),
    _act("accept", "接单", "Accept", ("dispatched",), DEPARTMENT, "handling"),
    _act("return", "退回", "Return", WORK, DEPARTMENT, "filed", _NOTE),
    _act("done", "处置完成", "Done", WORK, DEPARTMENT, "verifying", ("after",)),
    _act(
        "hand-over",
        "转办",
        "Hand over",
        ("filed", *WORK),
        DISPATCHER,
        "filed",
        ("note", "level"),
        sets=("level", "department", "area"),
    ),
    # 延期: twice at most, two levels of approval
    _act(
        "ask-extension",
        "申请延期",
        "Ask for an extension",
        ("handling",),
        DEPARTMENT,
        "extension-asked",
        _NOTE,
    ),
    _act(
        "endorse-extension",
        "同意延期（一级）",
        "Endorse the extension",
        ("extension-asked",),
        SHIFT_LEADER,
        "extension-endorsed",
    ),
    _act(
        "grant-extension",
        "批准延期（二级）",
        "Grant the extension",
        ("extension-endorsed",),
        LEADER,
        "handling",
        effect=Effect.EXTEND,
        at_most=2,
    ),
    _act(
        "refuse-extension",
        "不同意延期",
        "Refuse the extension",
        ("extension-asked", "extension-endorsed"),
        (*SHIFT_LEADER, "leader"),
        "handling",
        _NOTE,
    ),
    # 挂账: the clock pauses, a year at most
    _act(
        "ask-suspension",
        "申请挂账",
        "Ask to suspend",
        ("handling",),
        DEPARTMENT,
        "suspension-asked",
        _NOTE,
    ),
    _act(
        "grant-suspension",
        "批准挂账",
        "Suspend",
        ("suspension-asked",),
        (*SHIFT_LEADER, "leader"),
        "suspended",
    ),
    _act(
        "refuse-suspension",
        "不同意挂账",
        "Refuse to suspend",
        ("suspension-asked",),
        (*SHIFT_LEADER, "leader"),
        "handling",
        _NOTE,
    ),
    _act(
        "resume",
        "恢复处置",
        "Resume",
        ("suspended",),
        (*DISPATCHER, "department", "timer"),
        "handling",
    ),
    # re-check
    _act(
        "verify",
        "机器复核通过",
        "Verified by machine",
        ("verifying",),
        ("rule",),
        "closed",
        ("evidence",),
        outcome="verified",
    ),
    _act(
        "verify-signal",
        "信号复核通过",
        "Verified by the signal",
        ("verifying", "reviewing"),
        ("rule",),
        "closed",
        outcome="verified",
        guard="signal-good",
    ),
    _act(
        "recover",
        "自行恢复",
        "Recovered by itself",
        ("filed", *WORK),
        ("timer",),
        "closed",
        outcome="recovered",
        guard="signal-good",
    ),
    _act(
        "ask-person", "转人工核查", "Ask a person", ("verifying",), ("rule", "timer"), "reviewing"
    ),
    _act(
        "confirm",
        "核查通过",
        "Confirm",
        ("verifying", "reviewing"),
        INSPECTOR,
        "closed",
        ("closing",),
        outcome="confirmed",
    ),
    _act(
        "rework", "返工", "Rework", ("verifying", "reviewing"), (*INSPECTOR, "rule"), "dispatched"
    ),
    _act(
        "reopen",
        "重新打开",
        "Reopen",
        ("closed",),
        (*INSPECTOR, "shift-leader", "rule"),
        "dispatched",
        _NOTE,
        effect=Effect.REOPEN,
    ),
    # duplicates
    _act("attach", "并入上报", "Attach a report", OPEN, ("rule", *INTAKE), sets=("reports",)),
    _act(
        "split",
        "拆分",
        "Split reports off",
        OPEN,
        INTAKE,
        requires=("reports",),
        sets=("reports",),
    ),
    _act(
        "merge",
        "并案",
        "Merge into another case",
        OPEN,
        INTAKE,
        "closed",
        ("parent",),
        outcome="merged",
        sets=("parent",),
    ),
    _act(
        "unmerge",
        "撤销并案",
        "Undo the merge",
        ("closed",),
        INTAKE,
        "filed",
        _NOTE,
        guard="outcome-merged",
        effect=Effect.REOPEN,
    ),
    # supervision
    _act(
        "supervise",
        "督办",
        "Supervise",
        OPEN,
        (*LEADER, "timer"),
        requires=_NOTE,
        effect=Effect.SUPERVISE,
    ),
    _act("remind", "催办", "Remind", OPEN, (*DISPATCHER, "leader"), requires=_NOTE),
    _act("escalate", "超时升级", "Escalate", ("filed", *WORK), ("timer",)),
    _act(
        "void",
        "作废",
        "Void",
        OPEN,
        ("intake", "shift-leader", "administrator"),
        "closed",
        _NOTE,
        outcome="void",
    ),
    # 申诉: the fact stays, statistics leave the case out
    _act("appeal", "申诉", "Appeal", ("closed",), DEPARTMENT, "appealed", _NOTE, at_most=1),
    _act(
        "endorse-appeal",
        "同意申诉（一级）",
        "Endorse the appeal",
        ("appealed",),
        SHIFT_LEADER,
        "appeal-endorsed",
    ),
    _act(
        "grant-appeal",
        "批准申诉（二级）",
        "Grant the appeal",
        ("appeal-endorsed",),
        LEADER,
        "closed",
        effect=Effect.EXEMPT,
    ),
    _act(
        "refuse-appeal",
        "驳回申诉",
        "Refuse the appeal",
        ("appealed", "appeal-endorsed"),
        (*SHIFT_LEADER, "leader"),
        "closed",
        _NOTE,
    ),
)

URBAN = CaseType(
    name="urban",
    title=Title("城市管理案件", "Urban case"),
    initial="reported",
    states=STATES,
    actions=ACTIONS,
    timers=(
        Timer(name="limit", states=("filed", *WORK), action="escalate", starts="limit"),
        Timer(
            name="recover",
            states=("filed", *WORK),
            action="recover",
            starts="signal-good",
            seconds=600,
        ),
        Timer(name="suspension", states=("suspended",), action="resume", seconds=365 * DAY),
        # the machine could not say in a day: a person does
        Timer(name="recheck", states=("verifying",), action="ask-person", seconds=DAY),
    ),
    limit_seconds=DAY,
)
