"""The OpenAPI document is sound, and says what the routes are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.web.live import Live


@pytest.fixture(scope="module")
def document(live: Live) -> dict[str, Any]:
    return live.get("/api/openapi.json", "")


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_the_document_has_what_openapi_3_1_asks(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {"title", "version"} <= set(document["info"])
    schemes = document["components"]["securitySchemes"]
    names = []
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert method in ("get", "post", "put", "delete"), where
        assert operation["responses"], where
        assert operation["summary"], where
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5](\d\d|XX)", status), where
            assert response["description"], where
        parameters = operation.get("parameters", [])
        keys = [(each["name"], each["in"]) for each in parameters]
        assert len(keys) == len(set(keys)), where
        in_path = {name for name, place in keys if place == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), where
        assert all(each["required"] for each in parameters if each["in"] == "path"), where
        for need in operation.get("security", []):
            assert set(need) <= set(schemes), where
        if "operationId" in operation:
            names.append(operation["operationId"])
    assert len(names) == len(set(names))


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                found: Any = document
                for part in value["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
                assert found
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(document)


def test_every_path_is_a_route_and_asks_for_the_role_that_it_states(
    live: Live, document: dict[str, Any]
) -> None:
    for path, method, operation in operations(document):
        asked = re.sub(r"\{\w+\}", "none", path)
        answer = live.request(method.upper(), asked, "", content=b"{")
        where = f"{method} {path}: {answer.status_code}"
        needs = bool(operation.get("security"))
        assert answer.status_code == 401 if needs else answer.status_code in (200, 204, 400), where
        if operation.get("x-role") in ("operator", "administrator"):
            assert live.request(method.upper(), asked, "viewer").status_code == 403, where


def test_query_parameters_that_are_named_are_read(live: Live, document: dict[str, Any]) -> None:
    """A value that cannot be right is refused, and the answer names the parameter."""
    bad = {"limit": "x", "cursor": "x", "format": "x", "open": "x", "overdue": "x", "bbox": "x",
           "from": "x", "to": "x", "step": "x", "by": "x", "as_of": "x", "property": "x",
           "state": "x", "datum": "x", "dry_run": "x"}  # fmt: skip
    good = {"property": "rain_mm_h", "kind": "gauge", "step": "1h"}
    for path, method, operation in operations(document):
        named = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
        for name in named:
            if name not in bad or (path, name) == ("/api/cases", "state"):
                continue
            query = {each: good[each] for each in named if each in good} | {name: bad[name]}
            asked = path.replace("indicators/{id}", "indicators/gauges.rain")
            asked = asked.replace("{id}", "gauge-1")
            answer = live.request(method.upper(), asked, params=query)
            assert answer.status_code == 400, f"{path} {name}: {answer.status_code}"
            assert answer.json()["field"] == name, f"{path} {name}"
