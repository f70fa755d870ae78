"""From a video file or a folder of photos to the keyframes that a reconstruction is made from."""

from garaza.reconstruction.frames.keyframes import FrameChoice, Keyframes, read_keyframes
from garaza.reconstruction.frames.source import probe
from garaza.reconstruction.source_info import SourceInfo

__all__ = ["FrameChoice", "Keyframes", "SourceInfo", "probe", "read_keyframes"]
