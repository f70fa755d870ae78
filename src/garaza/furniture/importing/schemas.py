"""What goes over the wire about imports."""

from __future__ import annotations

from pydantic import Field

from garaza.furniture.importing.states import counts_of
from garaza.furniture.models import CatalogueImport, ImportNote
from garaza.kit.answers import Answer
from garaza.kit.lists import ListAnswer
from garaza.kit.times import iso_time


class ImportAnswer(Answer):
    """A file that is taken into the catalogue, or was."""

    id: str
    state: str = Field(description="queued, reading, embedding, indexing; then published, failed or cancelled.")
    name: str = Field(description="Of the file.")
    form: str = Field(description="csv, jsonl, …")
    sha256: str = Field(description="Of the file.")
    replace: bool = Field(description="Whether products that aren't in it leave the catalogue.")
    keep_sample: bool
    mapping: dict[str, str] = Field(description="Of columns to fields, as asked for.")
    version: int | None = Field(description="Of the catalogue, that it makes.")
    rows_read: int
    counts: dict[str, int] = Field(
        description="Of rows: taken, mended, refused, duplicates; of those taken: added, changed, unchanged. Of "
        "products: removed. Of texts: to_embed, embedded. And mended.FIELD, refused.FIELD for each field."
    )
    error: str | None = Field(description="Why it failed, or can't go on now.")
    user_id: int | None = Field(description="Who sent it; null: a command, or a machine.")
    created_at: str
    started_at: str | None
    ended_at: str | None = Field(description="null: it goes on, or what it wrote is being taken away.")

    @classmethod
    def of(cls, one: CatalogueImport) -> ImportAnswer:
        return cls(
            id=one.id,
            state=one.state,
            name=one.name,
            form=one.form,
            sha256=one.sha256,
            replace=bool(one.options.get("replace")),
            keep_sample=bool(one.options.get("keep_sample")),
            mapping=one.options.get("mapping", {}),
            version=one.version,
            rows_read=one.rows_read,
            counts=dict(counts_of(one.counts)),
            error=one.error,
            user_id=one.user_id,
            created_at=iso_time(one.created_at),
            started_at=None if one.started_at is None else iso_time(one.started_at),
            ended_at=None if one.ended_at is None else iso_time(one.ended_at),
        )


class ImportList(ListAnswer):
    """Imports, newest first."""

    imports: list[ImportAnswer]


class NoteAnswer(Answer):
    """Something about a row of a file."""

    row: int = Field(description="The first one after the header is 1.")
    asin: str | None
    kind: str = Field(description="mended, refused or duplicate.")
    field: str
    reason: str

    @classmethod
    def of(cls, note: ImportNote) -> NoteAnswer:
        return cls(row=note.row, asin=note.asin, kind=note.kind, field=note.field, reason=note.reason)


class NoteList(ListAnswer):
    """Notes, in the order of the file."""

    notes: list[NoteAnswer]
