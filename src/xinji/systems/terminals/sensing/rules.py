"""What becomes an event in the sensing network."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Rule, Severity, Silence, Stuck, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.sensing"

CASE_CLASSES = (
    CaseClass(
        name="camera-fault",
        title=Title("视频设备故障", "Camera fault"),
        type="device-fault",
        department="区城运中心运维组",
        limit_seconds=24 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.sensing.stream_down",
        title=Title("视频流中断", "Stream down"),
        kind="camera",
        property="stream",
        condition=Threshold(op="<", limit=0.5, hold_seconds=15),
        severity=Severity.MAJOR,
        case_class="camera-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.sensing.camera_silent",
        title=Title("摄像机失联", "Camera silent"),
        kind="camera",
        property="stream",
        condition=Silence(seconds=180),
        severity=Severity.MAJOR,
        case_class="camera-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.sensing.picture_dark",
        title=Title("画面黑屏", "Picture dark"),
        kind="camera",
        property="luminance",
        condition=Threshold(op="<", limit=8, clear=16, hold_seconds=60),
        severity=Severity.MINOR,
        case_class="camera-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.sensing.picture_frozen",
        title=Title("画面冻结", "Picture frozen"),
        kind="camera",
        property="luminance",
        condition=Stuck(seconds=600, tolerance=0.0),
        severity=Severity.MINOR,
        case_class="camera-fault",
        system=SYSTEM,
    ),
    *(
        Rule(
            id=f"terminals.sensing.seen_{name}",
            title=title,
            kind="camera",
            property=name,
            condition=Threshold(op=">=", limit=0.5),
            severity=Severity.MINOR,
            case_class="camera-fault",
            system=SYSTEM,
        )
        for name, title in (
            ("frozen", Title("视觉中枢判定画面冻结", "Picture frozen, by the vision hub")),
            ("moved", Title("视觉中枢判定镜头移位", "Camera moved or covered, by the vision hub")),
        )
    ),
    Rule(
        id="terminals.sensing.frame_rate_low",
        title=Title("帧率过低", "Frame rate low"),
        kind="camera",
        property="frame_rate",
        condition=Threshold(op="<", limit=10, clear=15, hold_seconds=120),
        severity=Severity.WARNING,
        system=SYSTEM,
    ),
)
