"""PicoDet-S 416 through OpenVINO: people, cycles and vehicles in one picture.

Normalisation is part of the compiled graph; one thread per request, so that cost is one core's and
two runs give the same boxes. Source: PaddleDetection, configs/picodet (Apache-2.0); weights by
`xinji models pull`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from xinji.store.weights import Model, find, read_lock

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Image = npt.NDArray[np.uint8]

NAME = "picodet-s-416"
FACES = "yunet-2023mar-int8bq"
SIDE = 416
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)

PERSON, BICYCLE, CAR, MOTORCYCLE, BUS, TRUCK = 0, 1, 2, 3, 5, 7
PEOPLE = (PERSON,)
CYCLES = (BICYCLE, MOTORCYCLE)
VEHICLES = (CAR, BUS, TRUCK)


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes (n, 4) as left, top, right, bottom in pixels; scores (n,); COCO classes (n,)."""

    boxes: Floats
    scores: Floats
    classes: Integers

    def of(self, classes: tuple[int, ...], least: float) -> Detections:
        """Those of some classes with a score of at least `least`."""
        keep = np.isin(self.classes, classes) & (self.scores >= least)
        return Detections(self.boxes[keep], self.scores[keep], self.classes[keep])


def locked() -> dict[str, Model]:
    """The models that this system locks."""
    return read_lock(Path(__file__).parent / "models.lock")


def installed(folder: Path | None = None) -> None:
    """Raises WeightsError when the weights of the detector or of the faces are not there."""
    for name in (NAME, FACES):
        find(name, locked()[name], folder)


class Detector:
    """The compiled detector. `model` is the first 12 digits of the parameters' SHA-256.

    Raises WeightsError when the weights are not in `folder` (default: the user's).
    """

    def __init__(self, folder: Path | None = None) -> None:
        import openvino
        from openvino.preprocess import PrePostProcessor

        lock = locked()[NAME]
        paths = find(NAME, lock, folder)
        self.model = next(m.sha256 for m in lock.members if m.name == "model.pdiparams")[:12]
        core = openvino.Core()
        graph = core.read_model(paths["model.pdmodel"])
        graph.reshape({"image": [1, 3, SIDE, SIDE], "scale_factor": [1, 2]})
        steps = PrePostProcessor(graph)
        image = steps.input("image")
        image.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        image.tensor().set_color_format(openvino.preprocess.ColorFormat.BGR)
        image.model().set_layout(openvino.Layout("NCHW"))
        (
            image.preprocess()
            .convert_element_type(openvino.Type.f32)
            .convert_color(openvino.preprocess.ColorFormat.RGB)
            .mean([255 * each for each in MEAN])
            .scale([255 * each for each in DEVIATION])
        )
        threads = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
        self._request = core.compile_model(steps.build(), "CPU", threads).create_infer_request()

    def detect(self, image: Image, least: float = 0.3) -> Detections:
        """What is in a picture (h, w, 3) uint8, blue-green-red. Raises ValueError on another."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image: (h, w, 3) uint8 is needed, not {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        scale = np.array([[SIDE / height, SIDE / width]], np.float32)
        found = self._request.infer({"image": small[None], "scale_factor": scale})
        rows, count = list(found.values())[:2]
        rows = np.array(rows[: int(count[0])])
        rows = rows[rows[:, 1] >= least]
        boxes = np.clip(rows[:, 2:6], 0, [width, height, width, height]).astype(np.float32)
        return Detections(boxes, rows[:, 1].astype(np.float32), rows[:, 0].astype(np.int64))


class Faces:
    """YuNet: faces in a picture. Raises WeightsError when the weights are not there."""

    def __init__(self, folder: Path | None = None, least: float = 0.6) -> None:
        path = find(FACES, locked()[FACES], folder)["yunet.onnx"]
        self._detector = cv2.FaceDetectorYN.create(str(path), "", (320, 320), least)

    def detect(self, image: Image) -> Floats:
        """Boxes (n, 4) as left, top, right, bottom in pixels."""
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        found = self._detector.detect(image)[1]
        if found is None:
            return np.zeros((0, 4), np.float32)
        boxes = np.asarray(found, np.float32)[:, :4]
        boxes[:, 2:] += boxes[:, :2]
        return boxes
