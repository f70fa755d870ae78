"""Rows of a file become rows of the version that is being written: what is the same as before is left as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from garaza.furniture.importing.repository import Here, ImportRepository, Seen
from garaza.furniture.importing.states import count_reason
from garaza.furniture.products import MAX_ASIN_LETTERS, Product
from garaza.furniture.stored import categories_of, columns_of
from garaza.kit.database import WriteSession

MAX_NOTES = 20_000
"""That are kept of one import; all are counted."""
_MAX_FIELD_LETTERS = 64
_MAX_REASON_LETTERS = 300


@dataclass(frozen=True, slots=True)
class Remark:
    """About a row: what was mended, or why it wasn't taken."""

    kind: Literal["mended", "refused", "duplicate"]
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadRow:
    """Of a file."""

    number: int
    """The first one after the header is 1."""
    product: Product | None
    """None: it can't be taken."""
    remarks: tuple[Remark, ...] = ()
    stamp: float | None = None
    """When the shop changed it last."""
    asin: str | None = None
    """As the file has it, where there is no product."""


class Newest:
    """Of rows with the same asin, which one is kept: the one that was changed last, else the one that comes last."""

    def __init__(self, seen: Mapping[str, Seen]) -> None:
        self._before = seen
        self.kept: dict[str, ReadRow] = {}
        """By asin: those that are to be written."""
        self.duplicates: list[tuple[int, str, str]] = []
        """Number, asin, and which row is kept instead."""

    def add(self, row: ReadRow) -> None:
        """A row with a product."""
        assert row.product is not None
        asin = row.product.asin
        earlier = self.kept.get(asin) or self._before.get(asin)
        if earlier is None:
            self.kept[asin] = row
            return
        number = earlier.number if isinstance(earlier, ReadRow) else earlier.row
        if earlier.stamp is not None and row.stamp is not None and row.stamp < earlier.stamp:
            self.duplicates.append((row.number, asin, f"Row {number} has the same asin, and is newer."))
            return
        self.duplicates.append((number, asin, f"Row {row.number} has the same asin, and is kept instead."))
        self.kept[asin] = row

    @property
    def seen(self) -> dict[str, Seen]:
        """What is to be known of them when the next rows come."""
        return {asin: Seen(row.number, row.stamp) for asin, row in self.kept.items()}


@dataclass(slots=True)
class Changes:
    """What products come to in the database."""

    version: int
    source: str
    added: list[dict[str, Any]] = field(default_factory=list)
    categories: list[list[dict[str, Any]]] = field(default_factory=list)
    """Of those."""
    changed: list[tuple[int, dict[str, Any], list[dict[str, Any]]]] = field(default_factory=list)
    """Rows that this import has added before."""
    removed: list[int] = field(default_factory=list)
    """The same."""
    ended: list[int] = field(default_factory=list)
    """Something else takes their place, from this version on."""
    kept: list[int] = field(default_factory=list)
    """Nothing does after all."""

    def take(self, product: Product, here: Sequence[Here], counts: Counter[str], *, again: bool) -> None:
        """Have the version have this product. `again`: an earlier row of the file has made something of it."""
        before = next((one for one in here if one.since < self.version), None)
        mine = next((one for one in here if one.since == self.version), None)
        if again:
            counts["unchanged" if mine is None else "added" if before is None else "changed"] -= 1
        columns = columns_of(product)
        if before is not None and (before.data_hash, before.source) == (columns["data_hash"], self.source):
            counts["unchanged"] += 1
            if mine is not None:
                self.removed.append(mine.id)
                self.kept.append(before.id)
            return
        counts["added" if before is None else "changed"] += 1
        if before is not None and before.until is None:
            self.ended.append(before.id)
        if mine is not None:
            self.changed.append((mine.id, columns, categories_of(product)))
        else:
            self.added.append({**columns, "since": self.version, "until": None, "source": self.source})
            self.categories.append(categories_of(product))

    async def write(self, session: WriteSession, repository: ImportRepository) -> None:
        # Those that make room first: of a product there is one row in a version.
        if self.removed:
            await repository.remove_products(session, self.removed)
        if self.kept:
            await repository.end_products(session, self.kept, None)
        if self.ended:
            await repository.end_products(session, self.ended, self.version)
        if self.added:
            await repository.add_products(session, self.added, self.categories)
        for row_id, columns, categories in self.changed:
            await repository.change_product(session, row_id, columns, categories)


async def write_rows(
    session: WriteSession,
    repository: ImportRepository,
    import_id: str,
    version: int,
    rows: Sequence[ReadRow],
    counts: Counter[str],
) -> None:
    """Have the version have what these rows say, and count them."""
    good = [row for row in rows if row.product is not None]
    asins = {row.product.asin for row in good if row.product is not None}
    seen = await repository.seen(session, import_id, asins) if asins else {}
    newest = Newest(seen)
    for row in good:
        newest.add(row)
    counts["rows"] += len(rows)
    counts["refused"] += len(rows) - len(good)
    counts["duplicates"] += len(newest.duplicates)
    counts["taken"] += len(good) - len(newest.duplicates)
    await _note(session, repository, import_id, rows, newest, counts)
    if not newest.kept:
        return
    here = await repository.here(session, newest.kept, version)
    changes = Changes(version, "import")
    for asin, row in newest.kept.items():
        assert row.product is not None
        changes.take(row.product, here.get(asin, ()), counts, again=asin in seen)
    await changes.write(session, repository)
    await repository.note_seen(session, import_id, newest.seen)


async def _note(
    session: WriteSession,
    repository: ImportRepository,
    import_id: str,
    rows: Sequence[ReadRow],
    newest: Newest,
    counts: Counter[str],
) -> None:
    found: list[tuple[int, str | None, Remark]] = []
    for row in rows:
        asin = row.asin if row.product is None else row.product.asin
        found += ((row.number, asin, remark) for remark in row.remarks)
        counts["mended"] += any(remark.kind == "mended" for remark in row.remarks) and row.product is not None
    found += ((number, asin, Remark("duplicate", "asin", reason)) for number, asin, reason in newest.duplicates)
    kept = []
    for number, asin, remark in found:
        count_reason(counts, remark.kind, remark.field[:_MAX_FIELD_LETTERS])
        counts["notes"] += 1
        if counts["notes"] <= MAX_NOTES:
            kept.append((number, asin, remark))
    if kept:
        await repository.add_notes(session, _numbered(import_id, kept))


def _numbered(import_id: str, notes: Sequence[tuple[int, str | None, Remark]]) -> list[dict[str, Any]]:
    """With their places: those about being a duplicate come after all others of their row, which are here before."""
    places: Counter[tuple[int, bool]] = Counter()
    found = []
    for number, asin, remark in notes:
        late = remark.kind == "duplicate"
        places[number, late] += 1
        found.append(
            {
                "import_id": import_id,
                "row": number,
                "place": places[number, late] + (_LATE if late else 0),
                "asin": None if asin is None else asin[:MAX_ASIN_LETTERS],
                "kind": remark.kind,
                "field": remark.field[:_MAX_FIELD_LETTERS],
                "reason": remark.reason[:_MAX_REASON_LETTERS],
            }
        )
    return found


_LATE = 1000
"""More than a row has notes; it is a duplicate at most once."""
