"""Choosing which frames a reconstruction is made from: sharp ones, from places far enough apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from garaza.reconstruction.failures import (
    HardlyAnyMovement,
    NotAVideo,
    ReconstructionFailure,
    TooBlurred,
    TooDark,
    TooShort,
)
from garaza.reconstruction.frames.colours import to_rgb, tone_map
from garaza.reconstruction.frames.limits import MIN_PHOTOS
from garaza.reconstruction.frames.motion import FLOW_SIZE, MotionTracker, sharpness
from garaza.reconstruction.frames.photos import list_photos, read_photo
from garaza.reconstruction.frames.source import probe
from garaza.reconstruction.frames.video import VideoFacts, decode, open_video, read_facts
from garaza.reconstruction.frames.windows import Candidate, Windows
from garaza.reconstruction.prediction import UInt8
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.source_info import SourceInfo

STEP = 0.02
"""Motion, as a share of the diagonal, from which a frame may be one of its own."""
MIN_WINDOWS = 5
"""Of that step: a video with less motion was filmed from one place."""
MIN_BRIGHTNESS = 28
"""Of 255: what the brighter tenth of a picture must reach."""
MIN_SHARPNESS = 0.3
"""See `motion.sharpness`."""
ANALYSES_PER_KEYFRAME = 6
MAX_ANALYSED_RATE = 15.0
"""Frames looked at: that many for one kept, and a second, at most."""
FULL_DECODE = 7e9
"""Pixels (a minute of 1080p at 60 frames a second) up to which every frame is decoded. Beyond, those that no other
frame needs are skipped, and from four times that on only those that need no other are decoded."""


Sparing = Literal["DEFAULT", "NONREF", "NONKEY"]
"""What the decoder may skip, as FFmpeg names it."""


@dataclass(frozen=True, slots=True)
class Keyframes:
    """N chosen frames, in the order they were filmed."""

    source: SourceInfo
    images: UInt8
    """(N, H, W, 3) RGB, upright (rotation flag applied), 8 bit BT.709/sRGB, still with the lens's distortion."""
    source_indices: NDArray[np.int64]
    """(N,) number of the frame in the video or of the photo in name order."""
    times: NDArray[np.float64]
    """(N,) seconds from the start; 0, 1, 2, … for photos."""

    @property
    def choice(self) -> FrameChoice:
        """Without the images, which take most of the memory."""
        return FrameChoice(self.source, self.source_indices, self.times)


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """Which frames were chosen; fields as in `Keyframes`."""

    source: SourceInfo
    source_indices: NDArray[np.int64]
    times: NDArray[np.float64]


def read_keyframes(path: Path, max_frames: int, image_size: int, monitor: Monitor) -> Keyframes:
    """Decode `path` in one pass and keep at most `max_frames` of it.

    Args:
        path: a video file or a folder of photos.
        max_frames: 8 to 512.
        image_size: longer side of the kept images in pixels; smaller sources are not enlarged.

    Raises:
        ReconstructionFailure: the source can't be used, see `failures`.
    """
    if path.is_dir():
        return _read_photos(path, max_frames, image_size, monitor)
    source = probe(path)
    facts = read_facts(path)
    windows = _read_windows(path, facts, source, max_frames, image_size, monitor)
    if windows is None:
        # Only few frames stand on their own in this file: then all those that others need are decoded after all.
        windows = _read_windows(path, facts, source, max_frames, image_size, monitor, sparing="NONREF")
    assert windows is not None
    chosen = windows.chosen()
    failure = _why_unusable(windows, chosen)
    if failure is not None:
        raise failure
    monitor.log(f"{len(chosen)} of {windows.offered} pictures chosen")
    pictures = [c.picture if c.picture.dtype == np.uint8 else tone_map(c.picture, facts.transfer) for c in chosen]
    return Keyframes(
        source,
        np.stack([facts.turn.apply(picture) for picture in pictures]),
        np.array([c.index for c in chosen], dtype=np.int64),
        np.array([c.time for c in chosen], dtype=np.float64),
    )


def _read_windows(
    path: Path,
    facts: VideoFacts,
    source: SourceInfo,
    max_frames: int,
    image_size: int,
    monitor: Monitor,
    sparing: Sparing | None = None,
) -> Windows | None:
    """None: frames were spared that turned out to be needed."""
    if sparing is None:
        pixels = facts.width * facts.height * source.frame_count
        sparing = "DEFAULT" if pixels <= FULL_DECODE else "NONREF" if pixels <= 4 * FULL_DECODE else "NONKEY"
    width, height = fitted_size(facts.width, facts.height, image_size)
    rate = min(MAX_ANALYSED_RATE, max(max_frames * ANALYSES_PER_KEYFRAME, 240) / source.duration_s)
    windows, tracker, reformatter = Windows(max_frames), MotionTracker(), VideoReformatter()
    analysed, motion = 0, 0.0
    for index, time, frame in _frames_at(path, rate, sparing, facts.frame_rate):
        fraction = min(time / source.duration_s, 1.0)
        if (frame.width, frame.height) != (facts.width, facts.height):
            monitor.checkpoint()
            continue
        monitor.report(fraction, "Choosing the best pictures", round(time), round(source.duration_s))
        picture = to_rgb(frame, reformatter, width, height, deep=facts.high_dynamic_range)
        candidate, small = _examine(picture, index, time)
        if analysed == 0:
            windows.start(candidate, 0.0)
            tracker.restart(small)
        else:
            motion = tracker.follow(small)
            if motion >= STEP:
                windows.start(candidate, motion)
                tracker.restart(small)
                motion = 0.0
            else:
                windows.offer(candidate)
        analysed += 1
    windows.close(motion)
    if sparing == "NONKEY" and analysed < 2 * max_frames:
        return None
    if analysed == 0:
        raise NotAVideo(why="no picture could be decoded")
    return windows


def _frames_at(path: Path, rate: float, sparing: Sparing, frame_rate: float) -> Iterator[tuple[int, float, VideoFrame]]:
    """At most `rate` frames a second of the video's time: number, seconds from the first frame, frame."""
    first_time: float | None = None
    due = 0.0
    with open_video(path) as (container, stream):
        stream.codec_context.skip_frame = sparing
        for number, frame in enumerate(decode(container, stream)):
            time = frame.time if frame.time is not None else number / frame_rate
            if first_time is None:
                first_time = time
            time = max(time - first_time, 0.0)
            # Half a frame early is on time: clocks of phones are not exact.
            if time + 0.5 / frame_rate < due:
                continue
            due = max(due + 1 / rate, time)
            yield number if sparing == "DEFAULT" else round(time * frame_rate), time, frame


def _examine(picture: NDArray[Any], index: int, time: float) -> tuple[Candidate, UInt8]:
    """The candidate, and the small grey picture that motion is measured on."""
    plain = picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8)
    grey: Any = cv2.cvtColor(plain, cv2.COLOR_RGB2GRAY)
    width, height = fitted_size(grey.shape[1], grey.shape[0], FLOW_SIZE)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    brightness = float(np.percentile(small, 90))
    return Candidate(picture, index, time, sharpness(grey), brightness), np.asarray(small, dtype=np.uint8)


def _why_unusable(windows: Windows, chosen: list[Candidate]) -> ReconstructionFailure | None:
    figures: dict[str, float | str] = {
        "pictures": len(chosen),
        "motion": round(windows.motion, 3),
        "brightness": round(float(np.median([c.brightness for c in chosen])), 1),
        "sharpness": round(float(np.median([c.sharpness for c in chosen])), 3),
    }
    if float(figures["brightness"]) < MIN_BRIGHTNESS:
        return TooDark(**figures)
    if float(figures["sharpness"]) < MIN_SHARPNESS:
        return TooBlurred(**figures)
    if len(chosen) < MIN_WINDOWS:
        return HardlyAnyMovement(**figures)
    return None


def _read_photos(folder: Path, max_frames: int, image_size: int, monitor: Monitor) -> Keyframes:
    album = list_photos(folder)
    source = probe(folder)
    photos = album.photos
    if len(photos) > max_frames:
        photos = [photos[row] for row in np.linspace(0, len(photos) - 1, max_frames).round().astype(int)]
    width, height = fitted_size(album.width, album.height, image_size)
    pictures: list[UInt8] = []
    numbers: list[int] = []
    brightness: list[float] = []
    sharp: list[float] = []
    for done, photo in enumerate(photos):
        monitor.report(done / len(photos), "Reading the photos", done, len(photos))
        picture = read_photo(photo, width, height)
        if picture is not None:
            pictures.append(picture)
            numbers.append(photo.number)
            brightness.append(float(np.percentile(picture[::8, ::8], 90)))
            sharp.append(sharpness(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)))
    if len(pictures) < MIN_PHOTOS:
        raise TooShort(photos=len(pictures), unreadable=len(photos) - len(pictures))
    if float(np.median(brightness)) < MIN_BRIGHTNESS:
        raise TooDark(brightness=round(float(np.median(brightness)), 1))
    if float(np.median(sharp)) < MIN_SHARPNESS:
        raise TooBlurred(sharpness=round(float(np.median(sharp)), 3))
    monitor.log(f"{len(pictures)} of {len(album.photos)} photos chosen")
    return Keyframes(
        source, np.stack(pictures), np.array(numbers, dtype=np.int64), np.arange(len(pictures), dtype=np.float64)
    )


def fitted_size(width: int, height: int, longer_side: int) -> tuple[int, int]:
    """The size with this longer side and the same shape; never larger than it was."""
    scale = min(1.0, longer_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
