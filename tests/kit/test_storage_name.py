"""What a data directory is called among those that share a database."""

from __future__ import annotations

from pathlib import Path

from garaza.kit.storage import DataDirectory


def test_it_keeps_its_name_and_shares_it_with_none(tmp_path: Path) -> None:
    one, other = DataDirectory(tmp_path / "one"), DataDirectory(tmp_path / "other")
    for place in (one, other):
        place.create()
    assert one.name() == DataDirectory(one.root).name()
    assert one.name() != other.name()


def test_half_a_name_is_made_anew(tmp_path: Path) -> None:
    place = DataDirectory(tmp_path)
    (tmp_path / "name").write_text("half")
    assert len(place.name()) == 22
    assert place.name() == DataDirectory(tmp_path).name()
