"""The OpenAPI 3.1 document, from the endpoints themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from xinji import __version__
from xinji.api.call import Endpoint

_PROBLEM = {
    "description": "Problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document as JSON-like data."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    paths["/api/observations"] = {"post": _OBSERVATIONS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Xinji", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "xinji_session"},
                "device": {"type": "http", "scheme": "basic"},
            },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "field": {"type": "string"},
                        "rule": {"type": "string"},
                    },
                    "required": ["type", "title", "status"],
                },
                "Receipt": {
                    "type": "object",
                    "properties": {
                        "stored": {"type": "integer"},
                        "repeated": {"type": "integer"},
                        "refused": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {
                                    "index": {"type": "integer"},
                                    "reason": {"type": "string"},
                                    "detail": {"type": "string"},
                                },
                            },
                        },
                    },
                },
            },
        },
    }


_OBSERVATIONS = {
    "summary": "Store observations; answered after the commit that holds them.",
    "security": [{"device": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {}},
            "application/vnd.apache.arrow.stream": {},
            "application/senml+json": {},
        },
    },
    "responses": {
        "200": {
            "description": "Good rows are stored, refused ones are listed",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}},
        },
        "4XX": _PROBLEM,
        "503": _PROBLEM,
    },
}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ] + [{"name": name, "in": "query", "schema": {"type": "string"}} for name in endpoint.query]
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.handler.__name__,
        "parameters": parameters,
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": {}}}},
            "4XX": _PROBLEM,
        },
    }
    if endpoint.role is not None:
        operation["security"] = [{"token": []}, {"session": []}]
        operation["x-role"] = endpoint.role.value
        operation["x-reach"] = endpoint.reach.value
    if endpoint.body:
        operation["requestBody"] = {"content": {"application/json": {"schema": {}}}}
    return operation
