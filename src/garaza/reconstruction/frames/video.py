"""Reading videos with FFmpeg, and not letting a file that calls itself a video read anything but itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from garaza.reconstruction.failures import NotAVideo, NoVideoTrack, TooShort
from garaza.reconstruction.frames.colours import is_high_dynamic_range
from garaza.reconstruction.frames.limits import (
    MAX_DECODED_FRAMES,
    MAX_PIXELS,
    MAX_SECONDS,
    MIN_FRAMES,
    MIN_SECONDS,
    check_picture_size,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

# What phones, cameras, screen recorders and messengers write. Not here, on purpose: playlists and scripts (hls, dash,
# concat, image2, lavfi, sdp, …), which open other files and addresses. The audio formats are here to be told apart.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,wav,mp3,flac,aac,amr"
_DECODERS = (
    "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,libdav1d,av1,mpeg4,mpeg2video,mpeg1video,mjpeg,prores,theora,h263,flv,"
    "wmv2,wmv3,vc1,msmpeg4v3,ffv1,dnxhd,rawvideo"
)


@dataclass(frozen=True, slots=True)
class Turn:
    """How a stored picture is turned to be upright."""

    quarter_turns: int
    """Counter-clockwise, 0 to 3."""
    mirrored: bool = False
    """Left and right are exchanged, after turning."""

    def apply(self, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        turned = np.rot90(picture, self.quarter_turns)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)

    def size(self, width: int, height: int) -> tuple[int, int]:
        return (height, width) if self.quarter_turns % 2 else (width, height)


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What the headers and the first picture say."""

    width: int
    height: int
    """As stored, before turning."""
    turn: Turn
    duration_s: float
    frame_rate: float
    frame_count: int
    codec: str
    transfer: int
    """Number of its transfer characteristics in ISO/IEC 23091-2."""
    high_dynamic_range: bool


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first real video stream, ready to decode within the limits.

    Raises:
        NotAVideo, NoVideoTrack, TooLarge, TooSmall
    """
    try:
        # A device or a pipe would block for ever, or never end.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - Path.stat() can't be told from lstat at a glance
            raise NotAVideo(why="not a regular file")
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise NotAVideo(why=type(error).__name__) from error
    with file:
        try:
            # As a nameless file object: names that look like an address, a pattern or another format mean nothing, and
            # every further file that a container asks for goes through `_refuse`.
            container = av.open(  # type: ignore[call-overload]  # its stubs say stream_options is a list of strings
                _Nameless(file),
                mode="r",
                options={
                    "format_whitelist": _CONTAINERS,
                    "codec_whitelist": _DECODERS,
                    "protocol_whitelist": "",
                    "enable_drefs": "0",
                    "max_streams": "64",
                    "max_pixels": str(MAX_PIXELS),
                },
                stream_options=[{"max_pixels": str(MAX_PIXELS), "threads": "1"}] * 64,
                io_open=_refuse,
                metadata_errors="replace",
            )
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise NotAVideo(why=type(error).__name__) from error
        with container:
            yield container, _video_stream(container)


class _Nameless:
    """A file without the name by which FFmpeg would guess what it is."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _refuse(*_: object) -> NoReturn:
    raise PermissionError("a video may not open other files")


def _video_stream(container: InputContainer) -> VideoStream:
    # Cover art is a video stream of one picture, and no video.
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        raise NoVideoTrack(streams=len(container.streams))
    stream = streams[0]
    context = stream.codec_context
    if context is None or context.name not in _DECODERS.split(","):
        raise NotAVideo(why="unknown codec")
    if context.width == 0 or context.height == 0:
        # FFmpeg forgets sizes that it finds absurd or beyond its limit: too small is the one thing they aren't.
        raise NotAVideo(why="no size that can be believed")
    check_picture_size(context.width, context.height)
    context.options = {"max_pixels": str(MAX_PIXELS)}
    context.thread_count = 2
    context.thread_type = "AUTO"
    return stream


def read_facts(path: Path) -> VideoFacts:
    """Read the headers and decode the first picture.

    Raises:
        NotAVideo, NoVideoTrack, TooLarge, TooSmall, TooShort
    """
    with open_video(path) as (container, stream):
        rate = _rate(stream)
        duration = _duration(container, stream)
        count = stream.frames or round(duration * rate)
        first: VideoFrame | None = None
        shown = 0
        for frame in decode(container, stream):
            first = first or frame
            shown += 1
            if shown >= MIN_FRAMES or (duration > 0 and count >= MIN_FRAMES):
                break
        if first is None:
            raise NotAVideo(why="no picture could be decoded")
        if duration <= 0:
            # Recorders that stream can't know how long it will be.
            count, duration = _measured(container, stream, shown, rate)
        if max(count, shown) < MIN_FRAMES or duration < MIN_SECONDS:
            raise TooShort(seconds=round(duration, 3), frames=max(count, shown))
        check_picture_size(first.width, first.height)
        return VideoFacts(
            width=first.width,
            height=first.height,
            turn=turn_of(first),
            duration_s=duration,
            frame_rate=rate,
            frame_count=max(count, shown),
            codec=_public_codec_name(stream),
            transfer=int(first.color_trc),
            high_dynamic_range=is_high_dynamic_range(first),
        )


def decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Pictures in order of showing, within `MAX_SECONDS` and `MAX_DECODED_FRAMES`.

    A damaged part is stepped over and a truncated end is an end: what can be seen is used.
    """
    decoded, broken = 0, 0
    first_time: float | None = None
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            return
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, ValueError, OSError):
            broken += 1
            if broken > 100:
                return
            continue
        for frame in frames:
            if frame.time is not None:
                # Cuts out of longer recordings begin at the time that it was there.
                first_time = frame.time if first_time is None else first_time
                if frame.time - first_time > MAX_SECONDS:
                    return
            yield frame
            decoded += 1
            if decoded >= MAX_DECODED_FRAMES:
                return


def turn_of(frame: VideoFrame) -> Turn:
    """From the display matrix (ISO 14496-12): rotation by quarter turns, and whether the picture is mirrored."""
    matrix = _display_matrix(frame)
    if matrix is None:
        return Turn(round((frame.rotation or 0) / 90) % 4)
    a, b, c, d = matrix
    mirrored = a * d - b * c < 0
    if mirrored:
        # Mirroring comes after the turn: take it off the matrix to read the turn alone.
        a, c = -a, -c
    # The matrix turns clockwise by atan2(b, a) with y down; `Turn` counts counter-clockwise.
    return Turn(round(-np.degrees(np.arctan2(b, a)) / 90) % 4, mirrored)


def _display_matrix(frame: VideoFrame) -> tuple[float, float, float, float] | None:
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
        values = np.frombuffer(bytes(cast("Buffer", data)), dtype=np.int32, count=9) if data is not None else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if values is None:
        return None
    a, b, _, c, d = (float(value) / 65536 for value in values[:5])
    return (a, b, c, d) if abs(a * d - b * c) > 1e-6 else None


def _rate(stream: VideoStream) -> float:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate is not None and 0.1 <= float(rate) <= 1000:
            return float(rate)
    return 30.0


def _duration(container: InputContainer, stream: VideoStream) -> float:
    """Seconds as the headers have it; 0 where they don't say, or say nonsense."""
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / av.time_base
        if "matroska" in container.format.name and container.start_time is not None:
            # Matroska says when it ends, not how long it is.
            seconds -= max(container.start_time, 0) / av.time_base
    else:
        seconds = 0.0
    return seconds if 0 < seconds < 100 * 3600 else 0.0


def _measured(container: InputContainer, stream: VideoStream, decoded: int, rate: float) -> tuple[int, float]:
    """Pictures, and seconds, by the packets that follow the `decoded` pictures; nothing more is decoded."""
    packets, first, last = decoded, 0.0, 0.0
    try:
        for packet in container.demux(stream):
            if packet.pts is None or packet.time_base is None:
                continue
            packets += 1
            last = float(packet.pts * packet.time_base)
            first = first or last
            if last - first > MAX_SECONDS or packets >= MAX_DECODED_FRAMES:
                break
    except (av.error.FFmpegError, ValueError, OSError):
        # A damaged end: what came before counts.
        pass
    return packets, max(packets / rate, last - first)


def _public_codec_name(stream: VideoStream) -> str:
    return {"libdav1d": "av1", "libvpx-vp9": "vp9", "libvpx": "vp8"}.get(
        stream.codec_context.name, stream.codec_context.name
    )
