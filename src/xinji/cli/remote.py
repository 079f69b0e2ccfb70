"""Commands on a folder that a running process owns: ask the process, by its local token.

A serving process leaves `local.json` (address and an administrator's token, readable by the
folder's owner only) while it runs, so that `xinji plan` works beside it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

FILE = "local.json"


@dataclass(frozen=True, slots=True)
class Remote:
    """A running house on this machine."""

    url: str
    token: str

    def _request(self, method: str, path: str, **options: Any) -> Any:
        response = httpx.request(
            method,
            self.url + path,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=options.pop("timeout", 60),
            verify=False,  # noqa: S501 - our own process, on this machine, by its own file
            **options,
        )
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_error:
            raise OSError(f"{path}: {response.status_code} {response.text}")
        return response.json() if response.content else {}

    def get(self, path: str, query: dict[str, str] | None = None) -> Any:
        """JSON of a path, None when it does not exist. Raises OSError."""
        return self._request("GET", path, params=query or {})

    def send(self, path: str, content: bytes) -> Any:
        """POST bytes. Raises OSError."""
        return self._request("POST", path, content=content)

    def post(self, path: str, body: Any, timeout: float | None = 60) -> Any:
        """POST JSON; `timeout` seconds, None for ever. Raises OSError."""
        return self._request("POST", path, json=body, timeout=timeout)

    def put(self, path: str, body: Any) -> Any:
        """PUT JSON. Raises OSError."""
        return self._request("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        """DELETE; {} when there is nothing to say, None when the path does not exist.

        Raises OSError.
        """
        return self._request("DELETE", path)


def leave(folder: Path, url: str, token: str) -> None:
    """Write the file for the commands that come by."""
    path = folder / FILE
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "w") as file:
        json.dump({"url": url, "token": token}, file)


def take_away(folder: Path) -> None:
    """Remove the file."""
    (folder / FILE).unlink(missing_ok=True)


def remote(folder: Path) -> Remote | None:
    """The process that owns a folder, or None."""
    try:
        found = json.loads((folder / FILE).read_text())
        return Remote(found["url"], found["token"])
    except (OSError, ValueError, KeyError):
        return None
