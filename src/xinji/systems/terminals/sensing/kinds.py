"""What the sensing network registers and observes: cameras and their streams."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

CAMERA = Kind(
    name="camera",
    title=Title("视频摄像机", "Camera"),
    icon="camera",
    attributes=(
        Attribute(
            name="programme",
            title=Title("建设批次", "Programme"),
            required=True,
            choices=("ai-stream", "high-point", "smart-upgrade", "new-hd", "new-2021"),
        ),
        Attribute(name="scene", title=Title("场景", "Scene")),
        Attribute(name="stream_url", title=Title("视频流地址", "Stream address")),
        # JSON: see methods/vision/zones.py
        Attribute(name="zones", title=Title("识别区域", "Zones")),
    ),
    properties=(
        Property(
            name="stream",
            title=Title("视频流状态", "Stream"),
            states=(Title("中断", "down"), Title("正常", "up")),
            minimum=0,
            maximum=1,
            expected_seconds=60,
            decimals=0,
        ),
        Property(
            name="frame_rate",
            title=Title("帧率", "Frame rate"),
            unit="Hz",
            minimum=0,
            maximum=120,
            expected_seconds=60,
        ),
        Property(
            name="luminance",
            title=Title("画面亮度", "Luminance"),
            minimum=0,
            maximum=255,
            expected_seconds=60,
            decimals=0,
        ),
        Property(
            name="frozen",
            title=Title("画面冻结", "Picture frozen"),
            states=(Title("否", "no"), Title("是", "yes")),
            minimum=0,
            maximum=1,
            decimals=0,
        ),
        Property(
            name="moved",
            title=Title("镜头移位", "Camera moved"),
            states=(Title("否", "no"), Title("是", "yes")),
            minimum=0,
            maximum=1,
            decimals=0,
        ),
    ),
)

KINDS = (CAMERA,)
