"""RFC 2435 packets."""

import struct

import cv2
import numpy as np
import pytest

from xinji.wire.video.jpeg_rtp import PACKET_BYTES, PictureError, encode, packets, scan

PICTURE = np.random.default_rng(1).integers(0, 255, (367, 641, 3), dtype=np.uint8)


def test_packets_carry_the_whole_scan_and_the_tables_once():
    jpeg = encode(PICTURE)
    each = scan(jpeg)
    assert (each.width, each.height, len(each.tables)) == (640, 360, 128)
    found = packets(each, 0xFFFE, 2**33 + 7, 99)
    data = b""
    for index, packet in enumerate(found):
        assert len(packet) <= PACKET_BYTES + 12
        first, second, number, stamp, source = struct.unpack(">BBHII", packet[:12])
        assert (first, second & 0x7F, stamp, source) == (0x80, 26, 7, 99)
        assert number == (0xFFFE + index) % 65536
        assert bool(second & 0x80) == (index == len(found) - 1)
        assert int.from_bytes(packet[13:16], "big") == len(data)
        assert packet[16:20] == bytes((1, 255, 80, 45))
        body = packet[20:]
        if index == 0:
            assert body[:4] == b"\0\0\0\x80" and body[4:132] == each.tables
            body = body[132:]
        data += body
    assert data == each.data
    assert jpeg.endswith(data + b"\xff\xd9")


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((360, 640), np.uint8),
        np.zeros((360, 640, 3), np.float32),
        np.zeros((7, 640, 3), np.uint8),
        np.zeros((360, 4096, 3), np.uint8),
    ],
)
def test_a_picture_that_does_not_fit(image):
    with pytest.raises(PictureError):
        encode(image)


def test_other_jpegs_are_refused():
    gray = cv2.imencode(".jpg", PICTURE[:360, :640, 0])[1].tobytes()
    progressive = cv2.imencode(".jpg", PICTURE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    whole = encode(PICTURE)
    for bad in (b"", b"GIF89a", gray, progressive, whole[:200], whole[:-2]):
        with pytest.raises(PictureError):
            scan(bad)
