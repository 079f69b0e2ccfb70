"""A copy of the running house as of one moment, laid down in its folder for `xinji backup`."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from typing import Any

from xinji.access.identity import Role
from xinji.api.call import Call, Problem, Routes, iso
from xinji.store.backup import UNDER_WAY, Moment
from xinji.store.observations import StoreFull

routes = Routes()

FORGOTTEN_SECONDS = 86_400
"""A copy that nobody took away for so long is removed by the next."""

_one = threading.Lock()


@routes.post("/api/backups", role=Role.ADMINISTRATOR)
def backup_make(call: Call) -> dict[str, Any]:
    """Copy both databases as of now; `folder` is inside the data folder. Takes as long as it takes.

    Photos are not copied: they never change, and whoever takes the copy away brings them.
    """
    house = call.house
    if not _one.acquire(blocking=False):
        raise Problem(409, "Busy", "a backup is being made", headers={"Retry-After": "30"})
    try:
        room = house.folder.path / UNDER_WAY
        room.mkdir(mode=0o700, exist_ok=True)
        for left in room.iterdir():
            if time.time() - left.stat().st_mtime > FORGOTTEN_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        files = (house.folder.observations, house.folder.registry)
        needed = sum(file.stat().st_size for file in files)
        free = shutil.disk_usage(room).free
        if free < needed * 1.2:
            raise StoreFull(f"a copy needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free")
        name = secrets.token_hex(8)
        into = room / name
        into.mkdir(mode=0o700)
        with house.database.writing():
            house.audit.record(call.person.name, "backup.make", "house", {"folder": name})

        keeper = house.ingest.keeper
        try:
            keeper.submit(house.save).result()
            moment = keeper.submit(Moment, house.database, house.store, house.folder).result()
            try:
                moment.copy(into)
            finally:
                moment.close()
        except BaseException:
            shutil.rmtree(into, ignore_errors=True)
            raise
        return {"folder": name, "at": iso(moment.at), "held_seconds": moment.held_seconds}
    except OSError as error:
        raise StoreFull(f"backup: {error.strerror}") from error
    finally:
        _one.release()
