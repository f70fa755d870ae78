"""What can go wrong with a video, each told so that the person who filmed it knows what to do.

Whatever a video, however broken, makes the pipeline raise is one of these; anything else is a bug. `permanent` says
that trying again with the same video cannot help, so a queue must not retry it.
"""

from __future__ import annotations

from typing import ClassVar


class ReconstructionFailure(Exception):
    """A reconstruction that cannot be had, in words for a person.

    Attributes:
        reason: stable machine-readable name of the kind of failure.
        message: what happened, one sentence, no jargon, no paths.
        advice: what to do now, one or two sentences.
        details: figures behind the verdict, for the log and for developers.
    """

    reason: ClassVar[str] = "failed"
    permanent: ClassVar[bool] = True
    message: ClassVar[str] = "The model could not be made."
    advice: ClassVar[str] = "Please try again with another video."

    def __init__(self, **details: float | str) -> None:
        super().__init__(self.message)
        self.details = details


class NotAVideo(ReconstructionFailure):
    reason = "not_a_video"
    message = "This file is not a video that can be read."
    advice = "Send the video as the phone recorded it (MP4, MOV, MKV or WebM), or a folder of photos."


class NoVideoTrack(ReconstructionFailure):
    reason = "no_video_track"
    message = "This file has no picture, only sound or data."
    advice = "Send the video as the phone recorded it."


class TooLarge(ReconstructionFailure):
    reason = "picture_too_large"
    message = "The picture of this video is too large."
    advice = "Film in 4K or less (up to 8192 pixels on the longer side)."


class TooSmall(ReconstructionFailure):
    reason = "too_small"
    message = "The picture of this video is too small to see details in."
    advice = "Film in 720p or better."


class TooShort(ReconstructionFailure):
    reason = "too_short"
    message = "The video is too short."
    advice = "Walk around the room for at least ten seconds while filming."


class TooDark(ReconstructionFailure):
    reason = "too_dark"
    message = "The video is too dark to see the room."
    advice = "Switch on the lights or open the curtains, and film again."


class TooBlurred(ReconstructionFailure):
    reason = "too_blurred"
    message = "The video is too blurred."
    advice = "Move and turn more slowly, in good light, and wipe the lens."


class HardlyAnyMovement(ReconstructionFailure):
    reason = "hardly_any_movement"
    message = "The camera hardly moves in this video."
    advice = "Walk through the room while filming: depth is seen only from different places."


class OnlyRotation(ReconstructionFailure):
    reason = "only_rotation"
    message = "The camera turns but stays in one place."
    advice = "Take steps to the side while filming instead of turning on the spot."


class TooLittleOverlap(ReconstructionFailure):
    reason = "too_little_overlap"
    message = "The pictures have too little in common to be joined."
    advice = (
        "Move slowly, keep each part of the room in view for a few seconds, and avoid bare walls filling the picture."
    )


class TooLittleSurface(ReconstructionFailure):
    reason = "too_little_surface"
    message = "Too little of the room could be measured to make a model."
    advice = "Film from further away, in good light, and pass by each part of the room from two sides."


class TookTooLong(ReconstructionFailure):
    reason = "took_too_long"
    message = "The work on this video took too long."
    advice = "Try a lower quality or fewer frames, or film a shorter video."


class EngineUnavailable(ReconstructionFailure):
    reason = "engine_unavailable"
    message = "The engine that was asked for is not installed here."
    advice = "Leave the engine out, or ask whoever runs this server to install it."


class EngineCrashed(ReconstructionFailure):
    reason = "engine_crashed"
    permanent = False
    message = "The reconstruction stopped unexpectedly."
    advice = "Try again; if it happens again, please report it with the video."


def failure_from_reason(reason: str, details: dict[str, float | int | str]) -> ReconstructionFailure:
    """The failure again, from what crossed a process boundary. An unknown reason becomes `EngineCrashed`."""
    kinds = {kind.reason: kind for kind in ReconstructionFailure.__subclasses__()}
    return kinds.get(reason, EngineCrashed)(**details)
