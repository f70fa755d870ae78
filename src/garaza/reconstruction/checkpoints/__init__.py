"""What finished stages leave behind, so that a run that was killed can be continued by the next one.

Every stage but the last leaves something, as writing it takes a small share of the time that doing the work again
would. On the sample clip at standard quality, on two cores:

- frames: 93 MB in 0.1 s. Pictures and all: keeping only which frames were chosen would save half of the 2.7 s that
  choosing takes, as the rest is decoding, and even less of a long clip's or a large picture's minutes.
- cameras: 0.8 MB, without the rectified pictures, which half a second makes anew, against 16 s.
- depth: 156 MB in 0.15 s, against 22 s. The whole prediction, so that the two before are no longer needed, and removed.
- fusion 10 MB, mesh 3 MB, texture 73 MB: less than 0.1 s together, against 5, 4.5 and 8.5 s.
"""

from garaza.reconstruction.checkpoints.folder import Checkpoints, open_checkpoints

__all__ = ["Checkpoints", "open_checkpoints"]
