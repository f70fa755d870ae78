"""`python -m tools.sample_room`: a clip with its truth, or single frames to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from tools.sample_room.render import ClipSettings, Studio
from tools.sample_room.sequence import QUALITIES, render_sequence

SAMPLE_SEED = 7


def main() -> None:
    """Read the arguments and render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the MP4 to write, or a folder for --stills")
    parser.add_argument("--seed", type=int, default=SAMPLE_SEED)
    parser.add_argument("--size", type=int, nargs=2, default=(720, 1280), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--frames", type=int, default=384)
    parser.add_argument("--rate", type=int, default=24)
    parser.add_argument("--quality", choices=sorted(QUALITIES), default="fine")
    parser.add_argument("--max-bytes", type=int, default=3_900_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--stills", type=int, default=0, help="write so many frames as PNG instead")
    arguments = parser.parse_args()
    clip = ClipSettings(arguments.seed, *arguments.size, arguments.frames, arguments.rate)
    if arguments.stills:
        arguments.out.mkdir(parents=True, exist_ok=True)
        studio = Studio(clip, QUALITIES[arguments.quality])
        for number in range(0, clip.frames, max(1, clip.frames // arguments.stills)):
            Image.fromarray(studio.frame(number)).save(arguments.out / f"{number:04d}.png")
        return
    render_sequence(
        clip,
        arguments.out,
        quality=arguments.quality,
        max_bytes=arguments.max_bytes,
        processes=arguments.processes,
    )


if __name__ == "__main__":
    main()
