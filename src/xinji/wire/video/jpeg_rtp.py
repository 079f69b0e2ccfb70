"""JPEG pictures as RTP packets (RFC 2435), with their quantisation tables in band.

The format has neither Huffman tables nor a header of the picture: it needs baseline JPEG, 4:2:0,
with the tables of Annex K of ITU-T T.81, which is what `encode` makes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

PAYLOAD_TYPE = 26
CLOCK_HZ = 90_000
PACKET_BYTES = 1_400
LARGEST_SIDE = 2_040
TYPE_420 = 1
TABLES_IN_BAND = 255


class PictureError(ValueError):
    """The picture cannot be sent in this format; the text says why."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What is sent of a JPEG: its size in pixels, two tables of 64 bytes, the coded data."""

    width: int
    height: int
    tables: bytes
    data: bytes


def encode(image: npt.NDArray[np.uint8], quality: int = 80) -> bytes:
    """Baseline JPEG 4:2:0 of (h, w, 3), cropped to multiples of 8. Raises PictureError."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise PictureError(f"a picture is (h, w, 3) uint8, not {image.shape} {image.dtype}")
    height, width = image.shape[0] // 8 * 8, image.shape[1] // 8 * 8
    if not (8 <= height <= LARGEST_SIDE and 8 <= width <= LARGEST_SIDE):
        raise PictureError(f"{image.shape[1]}x{image.shape[0]} is not within 8..{LARGEST_SIDE}")
    done, coded = cv2.imencode(
        ".jpg",
        image[:height, :width],
        [
            cv2.IMWRITE_JPEG_QUALITY, quality,
            cv2.IMWRITE_JPEG_PROGRESSIVE, 0,
            cv2.IMWRITE_JPEG_OPTIMIZE, 0,
            cv2.IMWRITE_JPEG_RST_INTERVAL, 0,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        ],
    )  # fmt: skip
    if not done:
        raise PictureError("the encoder failed")
    return coded.tobytes()


def scan(jpeg: bytes) -> Scan:
    """The parts of a JPEG that RFC 2435 sends. Raises PictureError on any other kind of JPEG."""
    if jpeg[:2] != b"\xff\xd8":
        raise PictureError("no JPEG")
    at, tables, size = 2, {}, None
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, (length,) = jpeg[at + 1], struct.unpack_from(">H", jpeg, at + 2)
        body = jpeg[at + 4 : at + 2 + length]
        if len(body) < length - 2:
            break
        at += 2 + length
        if marker == 0xDB:
            while len(body) >= 65:
                if body[0] >> 4:
                    raise PictureError("tables of 16 bits")
                tables[body[0] & 15] = body[1:65]
                body = body[65:]
        elif marker == 0xC0:
            height, width, components = struct.unpack_from(">HHB", body, 1)
            sampling = [body[7 + 3 * i] for i in range(components)]
            if sampling != [0x22, 0x11, 0x11]:
                raise PictureError("not 4:2:0")
            size = (width, height)
        elif 0xC1 <= marker <= 0xCF and marker != 0xC4:
            raise PictureError("not baseline")
        elif marker == 0xDA:
            if size is None or set(tables) != {0, 1} or jpeg[-2:] != b"\xff\xd9":
                break
            if size[0] % 8 or size[1] % 8 or max(size) > LARGEST_SIDE:
                raise PictureError(f"{size[0]}x{size[1]} is no multiple of 8 up to {LARGEST_SIDE}")
            return Scan(*size, tables[0] + tables[1], jpeg[at:-2])
    raise PictureError("the JPEG is not whole")


def packets(each: Scan, sequence: int, timestamp: int, source: int) -> list[bytes]:
    """RTP packets of one picture; the last has the marker. `sequence` is the first one's number."""
    table_header = bytes(2) + struct.pack(">H", len(each.tables)) + each.tables
    found: list[bytes] = []
    at = 0
    while at < len(each.data):
        begin = struct.pack(">I", at)[1:]
        header = b"\0" + begin + bytes(
            (TYPE_420, TABLES_IN_BAND, each.width // 8, each.height // 8)
        )  # fmt: skip
        if at == 0:
            header += table_header
        part = each.data[at : at + PACKET_BYTES - len(header)]
        at += len(part)
        last = 0x80 if at >= len(each.data) else 0
        found.append(
            struct.pack(">BBHII", 0x80, PAYLOAD_TYPE | last, (sequence + len(found)) & 0xFFFF,
                        timestamp & 0xFFFFFFFF, source) + header + part
        )  # fmt: skip
    return found
