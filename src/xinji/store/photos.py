"""Photos: files named by their SHA-256, and a row for each.

A picture is decoded and encoded anew before it is stored: what is not a picture is refused, and the
file's own metadata (place, device, owner) do not enter the house.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from PIL import Image, ImageOps, UnidentifiedImageError

from xinji.store.database import Database
from xinji.store.observations import StoreFull
from xinji.store.work_schema import photos

LARGEST_BYTES = 12 * 1024 * 1024
LARGEST_PIXELS = 40_000_000
LONGEST_SIDE = 2_560
FORMATS = ("JPEG", "PNG", "WEBP")
KINDS = ("scene", "before", "after", "near", "far", "look")

Picture = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

Screen = Callable[[Picture], Picture]
"""Finds faces and plates and returns the picture with them blurred."""


class PhotoError(ValueError):
    """A picture that is refused; `rule` says what it must be."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Photo(msgspec.Struct, frozen=True):
    """A stored photo; the fields are the columns of its table in order."""

    id: str
    media_type: str
    bytes: int
    width: int
    height: int
    kind: str
    taken_at: int
    longitude: float | None
    latitude: float | None
    thing: str
    screened: bool
    added_by: str
    added_at: int


class Photos:
    """The photos of a house.

    Attributes:
        screen: blurs faces and plates; None when no model is installed.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder
        self.screen: Screen | None = None
        # Decoding costs memory: two at a time bound it whatever is sent.
        self._decoding = threading.Semaphore(2)

    def put(
        self,
        data: bytes,
        *,
        kind: str,
        taken_at: int,
        added_by: str,
        now: int,
        longitude: float | None = None,
        latitude: float | None = None,
        thing: str = "",
        screened: bool = False,
    ) -> Photo:
        """Store a picture; the same picture again is stored once.

        Args:
            screened: the sender has blurred faces and plates already.

        Raises:
            PhotoError: not a picture, or too large. StoreFull: the disk is full.
        """
        with self._decoding:
            encoded, width, height, blurred = self._encoded(data, screened=screened)
        key = hashlib.sha256(encoded).hexdigest()
        with self._database.reading() as connection:
            known = connection.execute(sa.select(photos).where(photos.c.id == key)).first()
        if known is not None:
            return Photo(*known)
        self._write(key, encoded)
        photo = Photo(
            id=key,
            media_type="image/jpeg",
            bytes=len(encoded),
            width=width,
            height=height,
            kind=kind,
            taken_at=taken_at,
            longitude=longitude,
            latitude=latitude,
            thing=thing,
            screened=blurred,
            added_by=added_by,
            added_at=now,
        )
        with self._database.writing() as connection:
            known = connection.execute(sa.select(photos).where(photos.c.id == key)).first()
            if known is None:
                connection.execute(sa.insert(photos).values(msgspec.structs.asdict(photo)))
        return photo

    def _encoded(self, data: bytes, *, screened: bool) -> tuple[bytes, int, int, bool]:
        if len(data) > LARGEST_BYTES:
            raise PhotoError(f"at most {LARGEST_BYTES} bytes")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                file = Image.open(io.BytesIO(data), formats=FORMATS)
                if file.width * file.height > LARGEST_PIXELS:
                    raise PhotoError(f"at most {LARGEST_PIXELS} pixels")
                picture = ImageOps.exif_transpose(file).convert("RGB")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise PhotoError(f"at most {LARGEST_PIXELS} pixels") from error
        except (
            UnidentifiedImageError,
            OSError,
            ValueError,
            SyntaxError,
        ) as error:
            if isinstance(error, PhotoError):
                raise
            raise PhotoError("a JPEG, PNG or WebP picture") from error
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        if min(picture.size) < 16:
            raise PhotoError("at least 16 pixels wide and high")
        if self.screen is not None and not screened:
            picture = Image.fromarray(self.screen(np.asarray(picture)))
            screened = True
        # Comments and other notes of the file would be written again.
        picture.info.clear()
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=85)
        return out.getvalue(), picture.width, picture.height, screened

    def _write(self, key: str, encoded: bytes) -> None:
        path = self.path(key)
        if path.exists():
            return
        self._database.must_have_room()
        draft = path.with_suffix(f".{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(encoded)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
            directory = os.open(path.parent, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StoreFull(f"photos: not stored: {error.strerror}") from error

    def path(self, key: str) -> Path:
        """Where the file of a photo lies."""
        return self._folder / key[:2] / f"{key}.jpg"

    def find(self, key: str) -> Photo | None:
        """A photo's row."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(photos).where(photos.c.id == key)).first()
        return None if row is None else Photo(*row)

    def read(self, key: str, width: int | None = None) -> bytes:
        """The picture, or a copy at most `width` pixels wide. Raises FileNotFoundError."""
        data = self.path(key).read_bytes()
        if width is None:
            return data
        with self._decoding:
            picture = Image.open(io.BytesIO(data))
            if picture.width <= width:
                return data
            picture.draft("RGB", (width, width))
            picture.thumbnail((width, picture.height))
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=80)
        return out.getvalue()
