"""The OpenAPI 3.1 document, from the endpoints themselves.

The shape of a JSON body is the one that the handler asks of `call.json`.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable
from typing import Any

import msgspec

from xinji import __version__
from xinji.api.call import Endpoint, Handler

_PROBLEM = {
    "description": "Problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document as JSON-like data."""
    endpoints = list(endpoints)
    shapes = {each: shape for each in endpoints if (shape := _shape_of(each.handler)) is not None}
    schemas, components = msgspec.json.schema_components(
        shapes.values(), ref_template="#/components/schemas/{name}"
    )
    bodies = dict(zip(shapes, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, bodies.get(endpoint, {}))
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
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
            "schemas": components
            | {
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


_TEXT: dict[str, Any] = {"type": "string", "maxLength": 500}
_FLAG: dict[str, Any] = {"type": "string", "enum": ["true", "false"]}
_NUMBER: dict[str, Any] = {"type": "number"}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1},
    "page": {"type": "integer", "minimum": 1},
    "page_size": {"type": "integer", "minimum": 1},
    "year": {"type": "integer", "minimum": 1970, "maximum": 2999},
    "from": {"type": "string", "format": "date-time"},
    "to": {"type": "string", "format": "date-time"},
    "as_of": {"type": "string", "format": "date"},
    "longitude": _NUMBER | {"minimum": -180, "maximum": 180},
    "latitude": _NUMBER | {"minimum": -90, "maximum": 90},
    "datum": {"type": "string", "enum": ["wgs84", "gcj02", "bd09"]},
    **dict.fromkeys(("dry_run", "open", "overdue", "enabled", "brief", "swapped"), _FLAG),
}

_BODIES = {
    "form": ("application/x-www-form-urlencoded", {"type": "object"}),
    "table": ("application/octet-stream", {"type": "string", "format": "binary"}),
    "file": ("application/octet-stream", {"type": "string", "format": "binary"}),
}


def _operation(endpoint: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ] + [
        {"name": name, "in": "query", "schema": _PARAMETERS.get(name, _TEXT)}
        for name in endpoint.query
    ]
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.handler.__name__,
        "parameters": parameters,
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": {}}}},
            "4XX": _PROBLEM,
            "503": _PROBLEM,
        },
    }
    if endpoint.role is not None:
        operation["security"] = [{"token": []}, {"session": []}]
        operation["x-role"] = endpoint.role.value
        operation["x-reach"] = endpoint.reach.value
    if endpoint.body:
        media, schema = _BODIES.get(endpoint.body, ("application/json", body))
        operation["requestBody"] = {"content": {media: {"schema": schema}}}
    return operation


def _shape_of(handler: Handler) -> Any:
    """What a handler decodes its body as, or None."""
    handler = inspect.unwrap(handler)
    tree = ast.parse(textwrap.dedent(inspect.getsource(handler)))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "json"
            and ast.unparse(node.func.value) == "call"
            and node.args
        ):
            # the name of a type in the handler's own module: our source, no input
            return eval(ast.unparse(node.args[0]), handler.__globals__)  # noqa: S307
    return None
