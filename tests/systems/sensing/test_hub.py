"""The hub as a client: drawn cameras over RTSP, the real detector, a house that records."""

import asyncio
import contextlib
import http.server
import json
import threading
import urllib.parse

import pytest

from xinji.cli.house_client import HouseClient, rfc3339
from xinji.cli.vision_watch import cameras_of, is_due
from xinji.district.scenes.days import MIDNIGHT
from xinji.district.scenes.incidents import Incident
from xinji.district.scenes.layout import zones_json
from xinji.district.scenes.scene import Scene
from xinji.store.weights import default_folder, place
from xinji.systems.terminals.sensing.detector import NAME, Detector, Faces, locked
from xinji.systems.terminals.sensing.hub import Asked, Camera, Hub
from xinji.wire.video.rtsp import CameraServer

START = MIDNIGHT + 10 * 3_600_000_000
SPEED = 900.0


class House:
    """A real HTTP server that answers as the contract says and keeps what it was sent."""

    def __init__(self):
        self.things, self.looks, self.posts, self.queries = [], [], [], []
        self.fail = 0
        house = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(parts.query))
                house.queries.append((parts.path, query))
                if parts.path == "/api/clock":
                    self.answer(200, {"now": rfc3339(START), "speed": SPEED})
                elif parts.path == "/api/things":
                    at = int(query.get("cursor") or 0)
                    following = str(at + 1) if at + 1 < len(house.things) else None
                    items = house.things[at : at + 1]
                    self.answer(200, {"items": items, "next": following, "total": 0})
                elif parts.path == "/api/looks":
                    self.answer(200, {"items": house.looks})
                elif parts.path == "/api/aggregates":
                    self.answer(200, {"columns": {"mean": [1.0, 2.5]}})
                else:
                    self.answer(404, {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if house.fail:
                    house.fail -= 1
                    self.answer(503, {"title": "busy"})
                    return
                house.posts.append((self.path, dict(self.headers), body))
                self.answer(200, {"id": "ab" * 32})

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def sent(self, path):
        return [json.loads(b) for p, _, b in list(self.posts) if p.split("?")[0].startswith(path)]


@pytest.fixture
def house():
    each = House()
    thread = threading.Thread(target=each.server.serve_forever)
    thread.start()
    yield each
    each.server.shutdown()
    each.server.server_close()
    thread.join()


@contextlib.contextmanager
def cameras(render, clock):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = CameraServer(render, clock)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    yield server.port
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _until(condition, seconds=60):
    end = threading.Event()
    for _ in range(int(seconds * 20)):
        if condition():
            return True
        end.wait(0.05)
    return False


def test_findings_photos_answers_and_health_arrive_at_the_house(house):
    if not place(NAME, locked()[NAME], default_folder()).is_dir():
        pytest.skip("the weights are not here (xinji models pull)")
    scene = Scene(108, ("vehicle",))
    calm = Scene(7, ("crowd",))
    incident = Incident("vehicle", START, None, 108)

    def render(path, time_us):
        if path == "dead":
            return None
        return scene.render(time_us, [incident]) if path == "a" else calm.render(time_us)

    with (
        HouseClient(house.url, "t", ("vision", "s"), "model-1") as client,
        cameras(render, client.now_us) as port,
    ):
        client.synchronise()
        assert abs(client.now_us() - START) < 600 * SPEED * 1e6
        for name, each in (("a", scene), ("b", calm), ("dead", calm)):
            house.things.append({
                "id": f"camera:{name}", "longitude": 121.4, "latitude": 31.2,
                "attributes": {"stream_url": f"rtsp://127.0.0.1:{port}/{name}",
                               "zones": zones_json(each.layout)}})  # fmt: skip
        house.things.append({"id": "bad", "longitude": 1, "latitude": 1,
                             "attributes": {"stream_url": "rtsp://x/", "zones": "{"}})  # fmt: skip
        house.things.append({"id": "none", "longitude": 1, "latitude": 1, "attributes": {}})
        found, wrong = cameras_of(client.cameras())
        assert [camera.id for camera in found] == ["camera:a", "camera:b", "camera:dead"]
        assert len(wrong) == 1 and wrong[0].startswith("bad: zones")
        client.read_rain()
        assert client.rain == 3.5
        hub = Hub(client.report, client.now_us, cores=1, every=0.2, soon=0.1, timeout=5,
                  make_detector=Detector, faces=Faces())  # fmt: skip
        hub.set_cameras(found)
        house.fail = 2
        hub.start()
        try:
            assert _until(lambda: house.sent("/api/reports"))
            for asked in (Asked("look-1", "camera:a", "vehicle"),
                          Asked("look-2", "camera:b", "crowd"),
                          Asked("look-3", "camera:dead", "crowd")):  # fmt: skip
                assert hub.ask(asked)
            assert not hub.ask(Asked("look-4", "nobody", "crowd"))
            assert _until(lambda: len(house.sent("/api/looks/")) >= 3)
        finally:
            client.ending.set()
            hub.stop()
    (report,) = house.sent("/api/reports")
    assert report["problem"] == "vehicle" and report["thing"] == "camera:a"
    assert report["channel"] == "camera" and report["place_error_m"] == 4
    assert report["photos"] == ["ab" * 32] and 0.3 < report["confidence"] <= 1
    assert report["evidence"]["model"] == "model-1" and len(report["evidence"]["looks"]) >= 3
    assert report["happened_at"] > rfc3339(START) and len(report["evidence"]["box"]) == 4
    photos = [post for post in house.posts if post[0].startswith("/api/photos")]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(photos[0][0]).query))
    assert (query["kind"], query["thing"], query["screened"]) == ("scene", "camera:a", "true")
    assert photos[0][1]["Content-Type"] == "image/jpeg" and photos[0][2][:2] == b"\xff\xd8"
    assert photos[0][1]["Authorization"] == "Bearer t"
    answers = {post[0].split("/")[-1]: json.loads(post[2])
               for post in house.posts if post[0].startswith("/api/looks/")}  # fmt: skip
    assert answers["look-1"]["verdict"] == "present" and answers["look-1"]["photo"] == "ab" * 32
    assert answers["look-2"]["verdict"] == "absent"
    assert answers["look-3"]["verdict"] == "blind" and answers["look-3"]["photo"] is None
    rows = [row for body in house.sent("/api/observations") for row in body]
    streams = {row["thing"]: row["value"] for row in rows if row["property"] == "stream"}
    assert streams == {"camera:a": 1, "camera:b": 1, "camera:dead": 0}
    assert hub.counters.failed >= 1 and client.unsent == 0


def test_the_house_that_refuses_is_told_once_and_one_that_is_busy_until_it_has_it(house):
    with HouseClient(house.url, "t", None, "m") as client:
        house.fail = 3
        assert client._until_taken("/api/reports", json={}) == {"id": "ab" * 32}
        assert len(house.posts) == 1
        house.server.RequestHandlerClass.do_POST = lambda handler: (
            handler.rfile.read(int(handler.headers["Content-Length"])), handler.answer(422, {})
        )  # fmt: skip
        assert client._until_taken("/api/reports", json={}) is None
        assert client.unsent == 1


def test_a_hub_keeps_what_it_knows_of_a_camera_that_did_not_change():
    class Blind:
        model = "none"

    hub = Hub(lambda seen: None, lambda: 0, make_detector=Blind)
    one = Camera("a", "rtsp://127.0.0.1:9/", (), 1.0, 2.0)
    hub.set_cameras([one])
    kept = hub._watched["a"].watch
    hub.set_cameras([Camera("a", "rtsp://127.0.0.1:9/", (), 1.0, 2.0)])
    assert hub._watched["a"].watch is kept
    hub.set_cameras([Camera("a", "rtsp://127.0.0.1:10/", (), 1.0, 2.0)])
    assert hub._watched["a"].watch is not kept
    hub.set_cameras([])
    assert hub._watched == {}
    with pytest.raises(ValueError, match="cores"):
        Hub(lambda seen: None, lambda: 0, cores=0, make_detector=Blind)


def test_the_command_says_what_is_missing(house, monkeypatch, capsys, tmp_path):
    from xinji.cli.vision import add, run

    def arguments(*words):
        import argparse

        parser = argparse.ArgumentParser()
        add(parser.add_subparsers(required=True))
        return parser.parse_args(["vision", *words])

    monkeypatch.delenv("XINJI_TOKEN", raising=False)
    assert run(arguments("--url", house.url)) == 2
    assert "set XINJI_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("TOKEN", "t")
    monkeypatch.setenv("XINJI_MODELS", str(tmp_path))
    assert run(arguments("--url", house.url, "--token-env", "TOKEN")) == 2
    assert "xinji models pull" in capsys.readouterr().err
    monkeypatch.delenv("XINJI_MODELS")
    if not place(NAME, locked()[NAME], default_folder()).is_dir():
        pytest.skip("the weights are not here (xinji models pull)")
    assert run(arguments("--url", "http://127.0.0.1:9", "--token-env", "TOKEN")) == 1
    house.things.append({"id": "a", "longitude": 1, "latitude": 1, "attributes": {}})
    words = ["--url", house.url, "--token-env", "TOKEN", "--duration", "0.5"]
    assert run(arguments(*words)) == 0
    assert '"looks": 0' in capsys.readouterr().out


def test_a_look_is_made_when_it_is_due():
    assert is_due(rfc3339(START - 1), START) and not is_due(rfc3339(START + 10**6), START)
    assert is_due(None, START) and is_due("", START) and is_due("tomorrow", START)
