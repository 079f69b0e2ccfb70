"""Reading of streams: files, HTTP, RTSP that stalls, lies or ends."""

import os
import time

import av
import cv2
import numpy as np
import pytest

from xinji.wire.video.reading import (
    Ended,
    Garbled,
    KeyFrames,
    Stalled,
    Unreachable,
    VideoError,
    look,
    without_password,
)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """30 frames of MPEG-4 with a key frame every 10th; frame n is n*8 grey."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.gop_size = 10
        stream.codec_context.options = {"sc_threshold": "1000000000"}
        for n in range(30):
            image = np.full((240, 320, 3), n * 8, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def test_only_key_frames_are_decoded(film):
    with KeyFrames(str(film)) as frames:
        found = list(frames)
    assert [round(frame.seconds, 1) for frame in found] == [0, 1, 2]
    assert [abs(int(frame.image.mean()) - grey) < 10 for frame, grey in
            zip(found, (0, 80, 160), strict=True)] == [True] * 3  # fmt: skip
    with KeyFrames(str(film)) as frames:
        for _ in range(3):
            frames.next()
        with pytest.raises(Ended):
            frames.next()


def test_a_film_cut_in_the_middle_of_a_packet(film, tmp_path):
    cut = tmp_path / "cut.avi"
    with av.open(str(film)) as source, av.open(str(cut), "w") as goal:
        stream = goal.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                goal.mux(packet)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with KeyFrames(str(cut)) as frames:
        assert len(list(frames)) >= 1


@pytest.mark.parametrize("make", [b"", b"\0" * 5000, os.urandom(50_000), b"hello " * 3000])
def test_files_that_are_no_video(tmp_path, make):
    path = tmp_path / "garbage.mp4"
    path.write_bytes(make)
    with pytest.raises(VideoError):
        look(str(path), 5)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(Garbled, match="no video"):
        look(str(path), 5)


def test_places_that_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for url in (str(tmp_path / "pipe"), str(tmp_path), str(tmp_path / "absent"), "",
                "concat:/etc/passwd", "ftp://x/y", "file:///etc/passwd", "a\0b"):  # fmt: skip
        with pytest.raises(Unreachable):
            look(url, 5)


def test_a_play_list_cannot_name_a_file(raw_server, film):
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{film}\n#EXT-X-ENDLIST\n"

    def answer(connection):
        connection.recv(4096)
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n"
        connection.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode())

    with raw_server(answer) as place, pytest.raises(VideoError):
        look(f"http://{place}/list.m3u8", 3)


def test_motion_jpeg_over_http(raw_server):
    image = np.full((120, 160, 3), 90, np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()

    def answer(connection):
        connection.recv(4096)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
        connection.sendall(head)
        for _ in range(50):
            connection.sendall(b"--b\r\nContent-Type: image/jpeg\r\n"
                               + f"Content-Length: {len(jpeg)}\r\n\r\n".encode()
                               + jpeg + b"\r\n")  # fmt: skip

    with raw_server(answer) as place:
        assert abs(int(look(f"http://{place}/", 10).image.mean()) - 90) < 3


def _drip(connection):
    for _ in range(200):
        connection.sendall(b"R")
        time.sleep(0.1)


def _garbage(connection):
    connection.recv(4096)
    connection.sendall(os.urandom(20_000))
    connection.close()


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (lambda connection: None, (Stalled,)),
        (_drip, (Stalled,)),
        (_garbage, (Unreachable, Garbled, Stalled)),
        (lambda connection: connection.close(), (Unreachable, Garbled)),
        (lambda connection: connection.sendall(b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n"),
         (Unreachable,)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_servers_that_stall_lie_or_hang_up(raw_server, answer, wrong, scheme):
    with raw_server(answer) as place, pytest.raises((*wrong, Garbled, Unreachable)):
        look(f"{scheme}://user:secret@{place}/x", 1.5)


def test_nobody_there_and_no_password_in_the_text():
    with pytest.raises(Unreachable) as caught:
        look("rtsp://user:secret@127.0.0.1:9/x", 3)
    assert "secret" not in str(caught.value) and "rtsp://127.0.0.1:9/x" in str(caught.value)
    assert without_password("rtsp://[bad") == "rtsp://[bad"


def test_the_timeout_has_a_range():
    with pytest.raises(ValueError, match="timeout"):
        look("rtsp://127.0.0.1:9/", 0)
