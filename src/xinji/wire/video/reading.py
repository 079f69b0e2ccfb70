"""Pictures out of streams: one look at a camera, or its key frames one after another.

A reader never hangs: every wait has an end, and what goes wrong is one of five errors. Only key
frames are decoded, by one thread, because a look every few seconds needs no more. RTSP is read over
TCP. Decoding is FFmpeg's (PyAV).
"""

from __future__ import annotations

import contextlib
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import av
import av.error
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

LARGEST_PIXELS = 4096 * 2304
SMALLEST_SIDE = 16
PROTOCOLS = {
    "rtsp": "rtsp,rtp,tcp",
    "rtsps": "rtsp,rtsps,rtp,tcp,tls",
    "http": "http,tcp",
    "https": "https,http,tls,tcp",
    "": "file",
}
"""What FFmpeg may open for each scheme: a play list cannot send it to other places."""


class VideoError(Exception):
    """A stream gave no usable picture; the text names the stream (without password) and why."""


class Unreachable(VideoError):
    """There is nobody there, or nothing of that name, or we may not see it."""


class Stalled(VideoError):
    """It was opened, or accepted us, and then sent no key frame in time."""


class Garbled(VideoError):
    """What came is no video that can be decoded, or larger than allowed."""


class SizeChanged(VideoError):
    """The picture has another size than before. The next frame is of the new size."""


class Ended(VideoError):
    """The stream is over."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: `image` (height, width, 3) uint8, blue-green-red; `seconds` of the stream."""

    image: Image
    seconds: float


def without_password(url: str) -> str:
    """The address as it may be logged."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.username is not None:
            return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return url


def look(url: str, timeout: float = 10.0, width: int | None = None) -> Frame:
    """Connect, take the first key frame, close: at most `timeout` seconds in all.

    Pictures wider than `width` pixels are scaled down to it. Raises VideoError.
    """
    with KeyFrames(url, timeout, width, whole=True) as frames:
        return frames.next()


class KeyFrames:
    """A stream held open; `next()` (or iteration) gives its key frames.

    `timeout` is the longest wait in seconds for the connection, and then for each key frame; with
    `whole` it is one budget for everything. Iteration ends where the stream ends.
    """

    def __init__(
        self, url: str, timeout: float = 10.0, width: int | None = None, *, whole: bool = False
    ) -> None:
        if not 0 < timeout <= 3600:
            raise ValueError(f"timeout: {timeout!r} is not in 0..3600 s")
        self._name = without_password(url)
        self._timeout, self._width, self._whole = timeout, width, whole
        self._end = time.monotonic() + timeout
        self._size: tuple[int, int] | None = None
        self._held: Frame | None = None
        scheme = _scheme(url, self._name)
        options = {
            "protocol_whitelist": PROTOCOLS[scheme],
            "analyzeduration": "1000000",
            "probesize": "1000000",
            "fpsprobesize": "0",
        }
        if scheme in {"rtsp", "rtsps"}:
            options |= {"rtsp_transport": "tcp", "allowed_media_types": "video"}
        with self._errors(opening=True):
            # One timeout for the whole of the opening: FFmpeg is interrupted when it is over.
            self._container = av.open(url, timeout=(timeout, timeout), options=options)
        try:
            with self._errors(opening=True):
                streams = self._container.streams.video
                if not streams:
                    raise Garbled(f"{self._name}: there is no video in it")
                self._stream: Any = streams[0]
                decoder = self._stream.codec_context
                if decoder is None:
                    raise Garbled(f"{self._name}: no decoder for its video")
                decoder.thread_count = 1
                decoder.skip_frame = "NONKEY"
                decoder.options = {"max_pixels": str(LARGEST_PIXELS)}
                self._packets = self._container.demux(self._stream)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        while True:
            try:
                yield self.next()
            except Ended:
                return

    def close(self) -> None:
        """Let go of the stream."""
        self._container.close()

    def next(self) -> Frame:
        """The next key frame. Raises Stalled, Garbled, SizeChanged, Ended."""
        if self._held is not None:
            frame, self._held = self._held, None
            return frame
        if not self._whole:
            self._end = time.monotonic() + self._timeout
        bad = 0
        while True:
            with self._errors():
                packet = next(self._packets, None)
                if packet is None:
                    raise Ended(f"{self._name}: the stream is over")
                try:
                    decoded = packet.decode()
                except av.error.InvalidDataError as error:
                    bad += 1
                    if bad >= 100:
                        raise Garbled(f"{self._name}: 100 packets that are no video") from error
                    decoded = []
            for picture in decoded:
                return self._frame(picture)
            if time.monotonic() > self._end:
                raise Stalled(f"{self._name}: no key frame in {self._timeout:g} s")

    def _frame(self, picture: Any) -> Frame:
        size = (picture.width, picture.height)
        if size[0] * size[1] > LARGEST_PIXELS or min(size) < SMALLEST_SIDE:
            raise Garbled(f"{self._name}: a picture of {size[0]}x{size[1]} is not accepted")
        to: dict[str, Any] = {"format": "bgr24"}
        if self._width is not None and size[0] > self._width:
            to |= {"width": self._width, "height": max(1, round(size[1] * self._width / size[0]))}
            to["interpolation"] = "AREA"
        with self._errors():
            image = np.ascontiguousarray(picture.to_ndarray(**to))
        frame = Frame(image, float(picture.time or 0.0))
        before, self._size = self._size, size
        if before is not None and before != size:
            self._held = frame
            raise SizeChanged(
                f"{self._name}: {before[0]}x{before[1]} became {size[0]}x{size[1]} pixels"
            )
        return frame

    @contextlib.contextmanager
    def _errors(self, *, opening: bool = False) -> Iterator[None]:
        try:
            yield
        except (av.error.ExitError, av.error.TimeoutError, TimeoutError) as error:
            raise Stalled(f"{self._name}: nothing came in {self._timeout:g} s") from error
        except av.error.EOFError as error:
            if opening:
                raise Garbled(f"{self._name}: it ended before a picture began") from error
            raise Ended(f"{self._name}: the stream is over") from error
        except (av.error.InvalidDataError, av.error.DecoderNotFoundError,
                av.error.DemuxerNotFoundError, av.error.PatchWelcomeError) as error:  # fmt: skip
            raise Garbled(f"{self._name}: {error.strerror}") from error
        except av.error.FFmpegError as error:
            if opening:
                raise Unreachable(f"{self._name}: {error.strerror}") from error
            raise Ended(f"{self._name}: {error.strerror}") from error
        except OSError as error:
            raise Unreachable(f"{self._name}: {error}") from error


def _scheme(url: str, name: str) -> str:
    scheme, separator, _ = url.partition("://")
    if separator and scheme.lower() in PROTOCOLS:
        return scheme.lower()
    if separator or not url or "\0" in url:
        raise Unreachable(f"{name}: an address is rtsp, rtsps, http, https or a file")
    try:
        mode = Path(url).stat().st_mode
    except OSError as error:
        raise Unreachable(f"{name}: {error.strerror}") from error
    # A pipe or a device could block in open(2), where no timeout reaches.
    if not stat.S_ISREG(mode):
        raise Unreachable(f"{name}: not a file")
    return ""
