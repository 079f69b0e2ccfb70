"""Photos: stored once, metadata dropped, and what is not a picture refused."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.systems.operations.street import Street, picture


def send(street: Street, content: bytes, query: str = "", who: str = "wang") -> tuple[int, dict]:
    answer = street.request("POST", f"/api/photos?{query}", who, content=content)
    return answer.status_code, answer.json()


def test_a_photo_comes_back_and_the_same_is_stored_once(street: Street) -> None:
    status, found = send(street, picture("one"), "kind=before&longitude=121.35&latitude=31.2")
    assert status == 200
    assert (found["width"], found["height"], found["kind"]) == (320, 240, "before")
    assert send(street, picture("one"))[1]["id"] == found["id"]
    answer = street.request("GET", f"/api/photos/{found['id']}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (320, 240)
    small = street.request("GET", f"/api/photos/{found['id']}?width=100")
    assert Image.open(io.BytesIO(small.content)).size == (100, 75)


def test_the_files_own_metadata_are_dropped(street: Street) -> None:
    image = Image.new("RGB", (64, 64))
    exif = Image.Exif()
    exif[0x9286] = "secret place"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=b"secret author")
    assert b"secret" in out.getvalue()
    found = send(street, out.getvalue())[1]
    assert b"secret" not in street.request("GET", f"/api/photos/{found['id']}").content


@pytest.mark.parametrize(
    ("content", "query", "status", "field"),
    [
        (b"", "", 422, "body"),
        (b"not a picture", "", 422, "body"),
        (b"\xff\xd8\xff\xe0" + b"x" * 1_000, "", 422, "body"),
        (picture("cut")[:300], "", 422, "body"),
        (picture("tiny", (8, 8)), "", 422, "body"),
        (picture("a GIF", form="GIF"), "", 422, "body"),
        (picture("x"), "kind=selfie", 422, "kind"),
        (picture("x"), "taken_at=2099-01-01T00:00:00Z", 422, "taken_at"),
        (picture("x"), "longitude=999&latitude=1", 422, "longitude"),
        (picture("x"), "longitude=abc&latitude=1", 422, "longitude"),
        (picture("x"), "thing=nothing", 422, "thing"),
    ],
)
def test_what_is_no_photo_is_refused(
    street: Street, content: bytes, query: str, status: int, field: str
) -> None:
    found, body = send(street, content, query)
    assert (found, body["field"]) == (status, field)
    assert body["rule"]


def test_a_decompression_bomb_is_refused(street: Street) -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    status, body = send(street, out.getvalue())
    assert (status, body["rule"]) == (422, "at most 40000000 pixels")


def test_a_huge_upload_is_cut_off_by_its_size(street: Street) -> None:
    def endless():
        for _ in range(40):
            yield b"\xff" * 1024 * 1024

    answer = street.request("POST", "/api/photos", "wang", content=endless())
    assert answer.status_code == 413
    assert "bytes" in answer.json()["rule"]


def test_nobody_sees_a_photo_without_signing_in(street: Street) -> None:
    found = send(street, picture("private"))[1]
    assert street.request("GET", f"/api/photos/{found['id']}", "").status_code == 401
    assert street.request("GET", "/api/photos/zzz").status_code == 404
    assert street.request("GET", f"/api/photos/{'0' * 64}").status_code == 404


def test_only_a_camera_account_may_say_that_faces_are_blurred(street: Street) -> None:
    street.house.photos.screen = None
    assert send(street, picture("a"), "screened=true", "wang")[1]["screened"] is False
    assert send(street, picture("b"), "screened=true", "hub")[1]["screened"] is True


def test_the_screen_sees_every_picture_before_it_is_stored(street: Street) -> None:
    seen = []

    def screen(array):
        seen.append(array.shape)
        return array // 2

    street.house.photos.screen = screen
    found = send(street, picture("faces"))[1]
    assert found["screened"] is True
    assert seen == [(240, 320, 3)]
