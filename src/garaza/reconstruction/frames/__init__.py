"""From a video file or a folder of photos to the keyframes that a reconstruction is made from."""

from garaza.reconstruction.frames.keyframes import FrameChoice, Keyframes, read_keyframes
from garaza.reconstruction.frames.source import SourceInfo, probe

__all__ = ["FrameChoice", "Keyframes", "SourceInfo", "probe", "read_keyframes"]
