"""A year is known when an administrator says that its days are all there."""

from __future__ import annotations

from pathlib import Path

from tests.systems.operations.street import Street


def test_a_year_is_known_when_it_is_declared_and_not_before(tmp_path: Path) -> None:
    street = Street(tmp_path / "data")
    try:
        declare = "/api/calendar/years/2027"
        for day in range(1, 8):
            early = street.request("PUT", declare, json={"complete": True})
            assert (early.status_code, early.json()["field"]) == (422, "year")
            rest = {"working": False, "note": "国庆"}
            answer = street.request("PUT", f"/api/calendar/2027-10-0{day}", json=rest)
            assert answer.status_code == 200
            assert street.get("/api/calendar?year=2027")["known"] is False
        assert street.request("PUT", declare, "intake", json={"complete": True}).status_code == 403
        assert street.request("PUT", declare, json={"complete": False}).status_code == 422
        done = street.request("PUT", declare, json={"complete": True})
        assert done.json() == {"year": 2027, "known": True}
        assert street.get("/api/calendar?year=2027")["known"] is True
    finally:
        street.close()
