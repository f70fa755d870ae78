"""What is read of a file before it costs anything, and what is refused."""

from __future__ import annotations

import os
import resource
import shutil
import struct
import wave
import zlib
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import numpy as np
import pytest
from clips import set_display_matrix, sliding, write_clip
from PIL import Image

from garaza.reconstruction.failures import NotAVideo, NoVideoTrack, ReconstructionFailure, TooLarge, TooShort, TooSmall
from garaza.reconstruction.frames import probe
from garaza.reconstruction.frames.video import read_facts, turn_of


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "told"),
    [
        ("a.mov", "libx265", "yuv420p10le", "hevc"),
        ("a.webm", "libvpx-vp9", "yuv420p", "vp9"),
        ("a.mkv", "libsvtav1", "yuv420p", "av1"),
        ("a.avi", "mpeg4", "yuv420p", "mpeg4"),
        ("a.ts", "libx264", "yuv420p", "h264"),
    ],
)
def test_what_phones_write_is_read(tmp_path: Path, name: str, codec: str, pixel_format: str, told: str) -> None:
    source = probe(write_clip(tmp_path / name, sliding(36), codec, pixel_format))
    assert (source.kind, source.width, source.height, source.codec) == ("video", 480, 270, told)
    assert source.duration_s == pytest.approx(1.2, abs=0.15)
    assert source.frame_rate == pytest.approx(30, rel=0.1)
    assert 30 <= source.frame_count <= 42


def test_the_name_does_not_matter(plain_clip: Path, tmp_path: Path) -> None:
    for name in ("no extension", "a.txt", "con%03d.jpg", "-i http:x.m3u8", "ä ✂ \n.mp4", "a" * 240):
        odd = tmp_path / name
        shutil.copy(plain_clip, odd)
        assert probe(odd).codec == "h264"
    link = tmp_path / "link.mp4"
    link.symlink_to(plain_clip)
    assert probe(link).width == 480


@pytest.mark.parametrize(
    ("matrix", "turns", "mirrored"),
    [((0, 1, -1, 0), 3, False), ((-1, 0, 0, -1), 2, False), ((0, -1, 1, 0), 1, False), ((-1, 0, 0, 1), 0, True)],
)
def test_the_rotation_flag_is_read(
    plain_clip: Path, tmp_path: Path, matrix: tuple[int, int, int, int], turns: int, mirrored: bool
) -> None:
    turned = set_display_matrix(Path(shutil.copy(plain_clip, tmp_path / "turned.mp4")), *matrix)
    source = probe(turned)
    assert (source.width, source.height) == ((270, 480) if turns % 2 else (480, 270))
    turn = read_facts(turned).turn
    assert (turn.quarter_turns, turn.mirrored) == (turns, mirrored)
    # Without side data (an older or newer PyAV) the frame's own number must say the same.
    with av.open(str(turned)) as container:
        frame = next(container.decode(video=0))
    stripped = type("Frame", (), {"side_data": {}, "rotation": frame.rotation})()
    if not mirrored:
        assert turn_of(stripped).quarter_turns == turns


def test_variable_frame_rate_is_averaged(tmp_path: Path) -> None:
    times = np.cumsum([0.02, 0.02, 0.11] * 12)
    source = probe(write_clip(tmp_path / "vfr.mp4", sliding(36), times=times.tolist()))
    assert source.frame_rate == pytest.approx(20, rel=0.1)


def test_sound_alone_has_no_picture(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(32000))
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for i in range(60):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 44100, 1024 * i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for name in ("a.wav", "a.mp4"):
        with pytest.raises(NoVideoTrack):
            probe(tmp_path / name)


def test_what_is_no_video_is_refused(plain_clip: Path, tmp_path: Path) -> None:
    whole = plain_clip.read_bytes()
    rng = np.random.default_rng(0)
    files = {
        "empty.mp4": b"",
        "text.mp4": b"Dear diary, today I filmed a room.\n" * 200,
        "noise.mp4": rng.bytes(50_000),
        "head.mp4": whole[:64],
        "cut.mp4": whole[: len(whole) // 2],
        "nul.mp4": bytes(10_000),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(NotAVideo):
            probe(tmp_path / name)
    with pytest.raises(NotAVideo):
        probe(tmp_path / "not there.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(NotAVideo):
        probe(tmp_path / "pipe.mp4")


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.txt"])
def test_playlists_and_scripts_open_nothing(plain_clip: Path, tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner.mp4"
    shutil.copy(plain_clip, inner)
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.6,\n{inner}\n#EXT-X-ENDLIST\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.6,\nfile://{inner}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{inner}'\n",
        f'<?xml version="1.0"?><MPD><Period><BaseURL>{inner}</BaseURL></Period></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        f"RIFF....AVI {inner}",
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(NotAVideo):
            probe(tmp_path / name)


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10,000×10,000 pixels, truthfully announced."""
    path = tmp_path_factory.mktemp("huge") / "huge.mp4"
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "rc-lookahead": "0", "x264-params": "bframes=0:ref=1:sliced-threads=1"}
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.width = stream.height = 10_000
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame(10_000, 10_000, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_huge_pictures_are_refused_without_being_decoded(huge: Path, tmp_path: Path) -> None:
    data = huge.read_bytes()
    lie = tmp_path / "lie.mp4"
    at = data.index(b"avc1") + 28
    lie.write_bytes(data[:at] + struct.pack(">HH", 640, 360) + data[at + 4 :])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in (huge, lie):
        with pytest.raises(TooLarge):
            probe(path)
    # Making the clip took memory too, and that may be more: then this says nothing, and the limit alone is tested.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_sizes_and_lengths_have_bounds(tmp_path: Path) -> None:
    with pytest.raises(TooSmall):
        probe(write_clip(tmp_path / "small.mp4", sliding(36, 160, 120)))
    with pytest.raises(TooShort):
        probe(write_clip(tmp_path / "one.mp4", sliding(1)))
    with pytest.raises(TooShort):
        probe(write_clip(tmp_path / "blink.mp4", sliding(20)))


def write_photos(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, (width, height) in enumerate(sizes):
        picture = cv2.resize(sliding(1, 480, 270)[0], (width, height))
        Image.fromarray(picture).save(folder / f"IMG {number}.jpg")
    return folder


def test_a_folder_of_photos(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", [(640, 480)] * 5)
    (folder / "notes.txt").write_text("by the window")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    (folder / "folder.png").mkdir()
    source = probe(folder)
    assert (source.kind, source.width, source.height, source.frame_count) == ("photos", 640, 480, 5)
    assert (source.duration_s, source.frame_rate, source.codec) == (0.0, 0.0, "jpeg")


def test_folders_that_are_no_photos(tmp_path: Path) -> None:
    with pytest.raises(NotAVideo):
        probe(tmp_path)
    with pytest.raises(TooShort):
        probe(write_photos(tmp_path / "two", [(640, 480)] * 2))
    with pytest.raises(TooSmall):
        probe(write_photos(tmp_path / "small", [(160, 120)] * 4))


def test_a_photo_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", [(640, 480)] * 4)
    # 40,000×40,000 in the header of a PNG, and nothing behind it.
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    (folder / "IMG 9.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )  # fmt: skip
    with pytest.raises(TooLarge):
        probe(folder)


def test_damage_never_raises_anything_but_a_failure(plain_clip: Path, tmp_path: Path) -> None:
    whole = plain_clip.read_bytes()
    rng = np.random.default_rng(1)
    for round_number in range(60):
        damaged = bytearray(whole)
        for _ in range(int(rng.integers(1, 40))):
            damaged[int(rng.integers(0, len(damaged)))] = int(rng.integers(0, 256))
        path = tmp_path / "damaged.mp4"
        path.write_bytes(damaged[: int(rng.integers(1, len(damaged)))] if round_number % 3 == 0 else damaged)
        try:
            source = probe(path)
        except ReconstructionFailure:
            continue
        assert source.width > 0
        assert source.frame_count > 0
        assert np.isfinite(source.duration_s)


def test_a_clip_that_does_not_say_how_long_it_is_is_measured(tmp_path: Path) -> None:
    """As recorders write it that stream: no duration in the header, nowhere to seek back to."""
    whole = write_clip(tmp_path / "a.mkv", sliding(60))
    streamed = tmp_path / "streamed.mkv"
    with (
        av.open(str(whole)) as source,
        streamed.open("wb") as file,
        av.open(_Pipe(file), "w", format="matroska") as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    with av.open(str(streamed)) as container:
        assert not container.duration, "or this tests nothing"
    facts = read_facts(streamed)
    assert facts.duration_s == pytest.approx(2.0, abs=0.1)
    assert 58 <= facts.frame_count <= 62


class _Pipe:
    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def test_a_clip_cut_out_of_a_longer_one_may_begin_late(tmp_path: Path) -> None:
    late = write_clip(tmp_path / "a.mkv", sliding(36), times=[4000 + i / 30 for i in range(36)])
    with av.open(str(late)) as container:
        assert next(container.decode(video=0)).time > 3000, "or this tests nothing"
    facts = read_facts(late)
    assert facts.duration_s == pytest.approx(1.2, abs=0.15)
