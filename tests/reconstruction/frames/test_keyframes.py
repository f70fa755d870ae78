"""Which pictures of a video are kept."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import set_display_matrix, sliding, wallpaper, write_clip
from PIL import Image

from garaza.reconstruction.failures import HardlyAnyMovement, TooBlurred, TooDark, TooShort
from garaza.reconstruction.frames import keyframes as keyframes_module
from garaza.reconstruction.frames import read_keyframes
from garaza.reconstruction.frames.motion import sharpness
from garaza.reconstruction.frames.windows import Candidate, Windows
from garaza.reconstruction.progress import Cancelled, Monitor


def read(path: Path, count: int = 12, size: int = 960):
    return read_keyframes(path, count, size, Monitor())


def test_keyframes_of_a_plain_clip(plain_clip: Path) -> None:
    keyframes = read(plain_clip, 10, 320)
    assert keyframes.images.shape == (10, 180, 320, 3)
    assert keyframes.images.dtype == np.uint8
    assert (np.diff(keyframes.source_indices) > 0).all()
    np.testing.assert_allclose(keyframes.times, keyframes.source_indices / 30, atol=0.01)
    for picture, index in zip(keyframes.images, keyframes.source_indices, strict=True):
        filmed = cv2.resize(sliding(48)[index], (320, 180), interpolation=cv2.INTER_AREA)
        assert np.abs(picture.astype(int) - filmed).mean() < 8


def test_small_pictures_are_not_enlarged(plain_clip: Path) -> None:
    assert read(plain_clip).images.shape[1:3] == (270, 480)


def test_frames_are_spread_by_motion_and_standing_still_costs_none(tmp_path: Path) -> None:
    moving = sliding(40)
    filmed = [*moving[:20], *[moving[20]] * 60, *moving[20:]]
    keyframes = read(write_clip(tmp_path / "pause.mp4", filmed), 12)
    still = (keyframes.source_indices >= 21) & (keyframes.source_indices < 79)
    assert len(keyframes.images) >= 10
    assert still.sum() <= 1


def test_sharp_frames_are_preferred(tmp_path: Path) -> None:
    # Slow motion, every other frame shaken: each kept frame had a sharp one beside it.
    filmed = [cv2.GaussianBlur(f, (0, 0), 3) if i % 4 < 2 else f for i, f in enumerate(sliding(60, step=4))]
    keyframes = read(write_clip(tmp_path / "shaken.mp4", filmed), 10)
    assert (keyframes.source_indices % 4 >= 2).mean() >= 0.9


def test_trembling_on_the_spot_is_no_movement(tmp_path: Path) -> None:
    paper = wallpaper()
    rng = np.random.default_rng(0)
    filmed = []
    for _ in range(60):
        x, y = rng.integers(0, 4, 2).tolist()
        filmed.append(np.ascontiguousarray(paper[60 + y : 330 + y, 100 + x : 580 + x]))
    with pytest.raises(HardlyAnyMovement):
        read(write_clip(tmp_path / "tremble.mp4", filmed))


def test_darkness_and_blur_are_told(tmp_path: Path) -> None:
    dark = [f // 14 for f in sliding(36)]
    with pytest.raises(TooDark):
        read(write_clip(tmp_path / "dark.mp4", dark))
    blurred = [cv2.GaussianBlur(f, (0, 0), 6) for f in sliding(36)]
    with pytest.raises(TooBlurred):
        read(write_clip(tmp_path / "blurred.mp4", blurred))


def test_upright_pictures_of_a_phone_held_upright(tmp_path: Path) -> None:
    lying = [np.ascontiguousarray(np.rot90(f, 1)) for f in sliding(36, 300, 400)]
    clip = set_display_matrix(write_clip(tmp_path / "a.mp4", lying), 0, 1, -1, 0)
    keyframes = read(clip, 8)
    assert keyframes.images.shape[1:3] == (400, 300)
    upright = sliding(36, 300, 400)[keyframes.source_indices[3]]
    assert np.abs(keyframes.images[3].astype(int) - upright).mean() < 8


@pytest.mark.parametrize(
    ("codec", "pixel_format", "tags", "conversion"),
    [
        ("libx264", "yuv420p", {}, {"dst_colorspace": "itu601"}),
        ("libx264", "yuv420p", {"colorspace": 1}, {"dst_colorspace": "itu709"}),
        ("libx264", "yuv420p", {"colorspace": 1, "color_range": 2}, {"dst_colorspace": "itu709", "dst_color_range": 2}),
        ("libx265", "yuv420p10le", {"colorspace": 1}, {"dst_colorspace": "itu709"}),
    ],
)
def test_colours_are_what_was_filmed(tmp_path: Path, codec: str, pixel_format: str, tags, conversion) -> None:
    filmed = []
    for picture in sliding(36):
        picture[:, :160] = (200, 40, 40)
        picture[:, 160:240] = (30, 60, 190)
        filmed.append(picture)
    path = tmp_path / "colours.mp4"
    with av.open(str(path), "w") as container:
        options = {"libx264": {"preset": "ultrafast", "qp": "4"}, "libx265": {"preset": "ultrafast", "x265-params":
                   "log-level=none:pools=1:qp=6"}}  # fmt: skip
        stream = container.add_stream(codec, rate=30, options=options[codec])
        stream.width, stream.height, stream.pix_fmt = 480, 270, pixel_format
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for i, picture in enumerate(filmed):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format, **conversion)
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    picture = read(path, 8).images[4]
    assert np.abs(picture[100, 80].astype(int) - (200, 40, 40)).max() <= 6
    assert np.abs(picture[100, 200].astype(int) - (30, 60, 190)).max() <= 6


@pytest.mark.parametrize(("transfer", "grey"), [("arib-std-b67", 0.75), ("smpte2084", 0.58)])
def test_high_dynamic_range_is_brought_to_what_screens_show(tmp_path: Path, transfer: str, grey: float) -> None:
    filmed = []
    for picture in sliding(36):
        picture[:, :160] = round(255 * grey)
        filmed.append(picture)
    parameters = f"log-level=none:pools=1:qp=8:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    clip = write_clip(tmp_path / "hdr.mp4", filmed, "libx265", "yuv420p10le", options={"x265-params": parameters})
    keyframes = read(clip, 8)
    assert keyframes.images.dtype == np.uint8
    white = keyframes.images[4][100, 80].astype(int)
    # Reference white (75 % HLG, 58 % PQ) must be light, not the grey that its number would be, nor clipped.
    assert white.min() >= 205
    assert white.max() <= 252
    assert np.ptp(white) <= 4


def test_a_clip_cut_off_in_the_middle_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "whole.mkv", sliding(60)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 2 // 3])
    keyframes = read(tmp_path / "cut.mkv", 10)
    assert len(keyframes.images) >= 8
    assert keyframes.source_indices.max() < 45


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = np.cumsum([0.02, 0.02, 0.11] * 15)
    keyframes = read(write_clip(tmp_path / "vfr.mp4", sliding(45), times=times.tolist()), 12)
    np.testing.assert_allclose(keyframes.times, times[keyframes.source_indices] - times[0], atol=0.002)


def test_long_clips_are_not_decoded_whole(plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "keyed.mp4", sliding(90, step=6), options={"g": "5", "bf": "0"})
    monkeypatch.setattr(keyframes_module, "FULL_DECODE", 480 * 270 * 10)
    keyframes = read(clip, 8)
    assert (keyframes.source_indices % 5 == 0).all()
    # One key frame in all: there the rest is decoded after all.
    assert len(read(plain_clip, 8).images) == 8


def test_cancelling(plain_clip: Path) -> None:
    with pytest.raises(Cancelled):
        read_keyframes(plain_clip, 8, 960, Monitor(cancelled=lambda: True))


def test_sharpness_falls_with_blur_whatever_the_light_and_the_noise() -> None:
    grey = cv2.cvtColor(wallpaper(), cv2.COLOR_RGB2GRAY)
    rng = np.random.default_rng(2)
    for gain, noise in ((1.0, 0.0), (0.4, 0.0), (1.0, 3.0)):
        values = []
        for sigma in (0.01, 1.0, 2.0, 4.0):
            shot = gain * cv2.GaussianBlur(grey, (0, 0), sigma).astype(float) + rng.normal(0, noise + 1e-9, grey.shape)
            values.append(sharpness(np.clip(shot, 0, 255).astype(np.uint8)))
        assert values == sorted(values, reverse=True)
        assert values[0] > 1.4 * values[2]


def test_windows_stay_few_and_share_the_motion() -> None:
    windows = Windows(10)
    motions = [0.02] * 300 + [0.2] * 20
    for index, motion in enumerate(motions):
        windows.start(Candidate(np.zeros((1, 1, 3), np.uint8), index, index / 30, 1.0, 100.0), motion)
        assert len(windows) <= 17
    windows.close(0.02)
    assert windows.motion == pytest.approx(sum(motions[1:]) + 0.02)
    chosen = [c.index for c in windows.chosen()]
    assert len(chosen) == 10
    # 6 of 10 units of motion are in the first 300 frames.
    assert 4 <= sum(index < 300 for index in chosen) <= 8


def save(folder: Path, name: str, picture: np.ndarray, **options) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(picture).save(folder / name, **options)


def test_photos_come_in_the_order_that_people_number_them(tmp_path: Path) -> None:
    for number in (1, 2, 10, 11, 3):
        save(tmp_path / "photos", f"IMG {number}.png", sliding(12)[number])
    keyframes = read(tmp_path / "photos")
    assert len(keyframes.images) == 5
    for row, number in enumerate((1, 2, 3, 10, 11)):
        assert np.array_equal(keyframes.images[row], sliding(12)[number])
    assert keyframes.times.tolist() == [0, 1, 2, 3, 4]


def test_photos_are_turned_upright_and_brought_to_one_size(tmp_path: Path) -> None:
    pictures = sliding(6)
    folder = tmp_path / "photos"
    for i in range(3):
        save(folder, f"{i}.png", pictures[i])
    exif = Image.Exif()
    exif[0x0112] = 6
    save(folder, "3.png", np.ascontiguousarray(np.rot90(pictures[3], 1)), exif=exif)
    save(folder, "4.webp", cv2.resize(pictures[4], (960, 540), interpolation=cv2.INTER_CUBIC), lossless=True)
    save(folder, "5.png", np.ascontiguousarray(np.rot90(pictures[5], -1)))
    save(folder, "6.png", np.zeros((300, 300, 3), np.uint8))
    keyframes = read(folder)
    assert keyframes.source_indices.tolist() == [0, 1, 2, 3, 4, 5]
    for row in range(6):
        assert np.abs(keyframes.images[row].astype(int) - pictures[row]).mean() < 6


def test_many_photos_are_thinned_evenly(tmp_path: Path) -> None:
    for number, picture in enumerate(sliding(21)):
        save(tmp_path / "photos", f"{number}.jpg", picture)
    assert read(tmp_path / "photos", 11).source_indices.tolist() == list(range(0, 21, 2))


def test_photos_that_cannot_be_decoded_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for number, picture in enumerate(sliding(5)):
        save(folder, f"{number}.png", picture)
    whole = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(whole[: len(whole) // 2])
    assert read(folder).source_indices.tolist() == [0, 2, 3, 4]
    for number in (2, 3, 4):
        data = (folder / f"{number}.png").read_bytes()
        (folder / f"{number}.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(TooShort):
        read(folder)
