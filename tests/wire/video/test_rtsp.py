"""The camera server against outside clients: PyAV, ffprobe, ffmpeg, and raw requests."""

import json
import shutil
import socket
import subprocess
import threading

import cv2
import numpy as np
import pytest

from xinji.wire.video.reading import Ended, KeyFrames, SizeChanged, Stalled, Unreachable, look
from xinji.wire.video.rtsp import CameraServer


def picture(name, height=360, width=640):
    """A picture whose colour says which camera it is."""
    image = np.full((height, width, 3), 40, np.uint8)
    image[:, :, int(name) % 3] = 60 + int(name) % 150
    cv2.rectangle(image, (40, 40), (200, 120), (250, 250, 250), -1)
    return image


def render(path, time_us):
    return picture(path.removeprefix("cam/")) if path.startswith("cam/") else None


def _several(frames):
    for _ in range(20):
        frames.next()


def test_a_look_shows_the_picture_of_its_path(camera_server):
    with camera_server(render) as url:
        for name in ("0", "1", "77"):
            frame = look(url + f"cam/{name}", 10)
            assert frame.image.shape == (360, 640, 3)
            difference = np.abs(frame.image.astype(int) - picture(name)).mean()
            assert difference < 3


def test_a_wide_picture_can_be_taken_smaller(camera_server):
    with camera_server(lambda path, _: picture("5", 720, 1280)) as url:
        assert look(url, 10, width=640).image.shape == (360, 640, 3)
        assert look(url, 10, width=4000).image.shape == (720, 1280, 3)


def test_ffprobe_and_ffmpeg_play_it(camera_server, tmp_path):
    if shutil.which("ffprobe") is None or shutil.which("ffmpeg") is None:
        pytest.skip("ffprobe is not installed (Debian: ffmpeg)")
    with camera_server(render, frame_rate=20) as url:
        told = subprocess.run(
            ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_streams", "-of", "json",
             url + "cam/9"], capture_output=True, check=True, timeout=60)  # fmt: skip
        stream = json.loads(told.stdout)["streams"][0]
        assert (stream["codec_name"], stream["width"], stream["height"]) == ("mjpeg", 640, 360)
        subprocess.run(
            ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url + "cam/9",
             "-frames:v", "3", str(tmp_path / "%d.png")],
            check=True, timeout=60, stdin=subprocess.DEVNULL)  # fmt: skip
        third = cv2.imread(str(tmp_path / "3.png"))
        assert np.abs(third.astype(int) - picture("9")).mean() < 3


def test_only_what_is_played_is_rendered(camera_server):
    seen = []

    def watched(path, time_us):
        seen.append((path, time_us))
        return render(path, time_us)

    with camera_server(watched, clock=lambda: 1_700_000_000_000_000) as url:
        look(url + "cam/3", 10)
        count = len(seen)
        assert set(seen) == {("cam/3", 1_700_000_000_000_000)}
        assert count <= 3


def test_many_cameras_on_one_port(camera_server):
    means = {}

    def one(name):
        means[name] = look(f"{url}cam/{name}", 30).image.mean((0, 1)).argmax()

    with camera_server(render) as url:
        threads = [threading.Thread(target=one, args=(str(n),)) for n in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert means == {str(n): n % 3 for n in range(40)}


def test_a_camera_that_goes_quiet_stalls_and_one_that_is_not_there_is_not_found(camera_server):
    calls = []

    def dying(path, time_us):
        calls.append(path)
        return None if path == "none" or len(calls) > 2 else picture("4")

    with camera_server(dying, frame_rate=20) as url:
        with pytest.raises(Unreachable, match="404"):
            look(url + "none", 5)
        with KeyFrames(url + "there", 1.0) as frames, pytest.raises(Stalled):
            for _ in frames:
                pass


def test_a_picture_that_changes_its_size(camera_server):
    calls = []

    def growing(path, time_us):
        calls.append(path)
        return picture("4", 360, 640) if len(calls) < 5 else picture("4", 480, 800)

    with camera_server(growing, frame_rate=20) as url, KeyFrames(url, 10) as frames:
        with pytest.raises(SizeChanged, match="640x360 became 800x480"):
            _several(frames)
        assert frames.next().image.shape == (480, 800, 3)


def test_a_renderer_that_fails_ends_the_stream_and_not_the_server(camera_server):
    calls = []

    def failing(path, time_us):
        calls.append(path)
        if path == "bad" and len(calls) > 2:
            raise RuntimeError("drawn badly")
        return picture("4")

    with camera_server(failing, frame_rate=20) as url:
        with KeyFrames(url + "bad", 5) as frames, pytest.raises(Ended):
            _several(frames)
        assert look(url + "good", 10).image.shape == (360, 640, 3)


def _talk(url, *requests):
    host, port = url.removeprefix("rtsp://").strip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        answers = []
        for request in requests:
            connection.sendall(request)
            answers.append(connection.recv(65536).decode("latin-1"))
        return answers


def _ask(method, path="cam/1", number=1, **headers):
    lines = [f"{method} rtsp://x/{path} RTSP/1.0", f"CSeq: {number}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", 505),
        (b"OPTIONS * RTSP/1.0\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq 1\r\n\r\n", 400),
        (b"\xff\xfe\xfd\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 413),
        (_ask("OPTIONS", **{"Content-Length": "9999999"}), 413),
        (_ask("ANNOUNCE"), 501),
        (_ask("DESCRIBE", "nothing"), 404),
        (_ask("DESCRIBE", "cam/%0d%0aX:y"), 503),
        (_ask("SETUP", Transport="RTP/AVP;unicast;client_port=4000-4001"), 461),
        (_ask("SETUP", Transport="RTP/AVP/TCP;interleaved=255-256"), 400),
        (_ask("PLAY"), 454),
        (_ask("PLAY", Session="guessed"), 454),
        (_ask("OPTIONS"), 200),
        (_ask("GET_PARAMETER"), 200),
    ],
)
def test_requests_that_cannot_be_served(camera_server, request_bytes, status):
    with camera_server(render) as url:
        (answer,) = _talk(url, request_bytes)
        assert answer.startswith(f"RTSP/1.0 {status} ")
        assert look(url + "cam/2", 10).image.shape == (360, 640, 3)


def test_a_session_is_set_up_once_and_torn_down(camera_server):
    with camera_server(render) as url:
        transport = "RTP/AVP/TCP;unicast;interleaved=2-3"
        first, second = _talk(url, _ask("SETUP", Transport=transport),
                              _ask("SETUP", number=2, Transport=transport))  # fmt: skip
        assert "interleaved=2-3" in first
        assert second.startswith("RTSP/1.0 455")


def test_frame_rates_out_of_range():
    with pytest.raises(ValueError, match="frame_rate"):
        CameraServer(render, frame_rate=0)
