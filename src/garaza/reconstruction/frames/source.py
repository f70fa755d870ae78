"""What a video or a folder of photos says of itself, before anything is computed from it."""

from __future__ import annotations

from pathlib import Path

from garaza.reconstruction.frames.limits import MAX_SECONDS
from garaza.reconstruction.frames.photos import list_photos
from garaza.reconstruction.frames.video import read_facts
from garaza.reconstruction.source_info import SourceInfo


def probe(path: Path) -> SourceInfo:
    """Read the headers and decode one picture.

    Of a video longer than `limits.MAX_SECONDS`, only that much is told of, as only that much will be used.

    Raises:
        NotAVideo, NoVideoTrack, TooLarge, TooSmall, TooShort
    """
    if path.is_dir():
        album = list_photos(path)
        return SourceInfo("photos", album.width, album.height, 0.0, 0.0, len(album.photos), album.photos[0].kind)
    facts = read_facts(path)
    width, height = facts.turn.size(facts.width, facts.height)
    used = min(1.0, MAX_SECONDS / facts.duration_s)
    return SourceInfo(
        kind="video",
        width=width,
        height=height,
        duration_s=facts.duration_s * used,
        frame_rate=facts.frame_rate,
        frame_count=round(facts.frame_count * used),
        codec=facts.codec,
    )
