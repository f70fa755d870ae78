"""The tables of the catalogue.

A row of a product is of the versions from `since` until before `until`, so that readers of one version see all of it
and nothing of the next, which is written beside it over minutes: what changes then is a number in `catalogue`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from garaza.furniture.products import MAX_ASIN_LETTERS, MAX_BRAND_LETTERS, MAX_CATEGORY_LETTERS, MAX_TITLE_LETTERS
from garaza.kit.models import Base, Seconds, Sequence, partial_index

# Compared as bytes: nobody is shown them in their order.
_LETTERS = MAX_CATEGORY_LETTERS * 3
_Key = String(_LETTERS).with_variant(String(_LETTERS, collation="C"), "postgresql")


class Catalogue(Base):
    """The one row that says which version is which."""

    __tablename__ = "catalogue"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    """1."""
    version: Mapped[int] = mapped_column(BigInteger, default=0)
    """That is served. 0: there is nothing yet."""
    ready_version: Mapped[int] = mapped_column(BigInteger, default=0)
    """Whose rows and vectors are all here; an index may be made of it."""
    next_version: Mapped[int] = mapped_column(BigInteger, default=1)
    """That an import writes, or the next one will."""
    model_id: Mapped[str | None] = mapped_column(String(200))
    """Whose vectors those of `ready_version` are."""
    changed_at: Mapped[float] = mapped_column(Seconds)


class ProductRow(Base):
    """A product, from one version on and until another."""

    __tablename__ = "products"
    __table_args__ = (
        Index("uq_products_asin_since", "asin", "since", unique=True),
        # All that figures of the whole catalogue are made of.
        Index("ix_products_figures", "brand_key", "brand", "country", "price_minor", "in_stock", "since", "until"),
        Index("ix_products_since", "since"),
        Index("ix_products_text_hash", "text_hash"),
        partial_index("ix_products_until", "until", where="until IS NOT NULL"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    asin: Mapped[str] = mapped_column(String(MAX_ASIN_LETTERS))
    since: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[int | None] = mapped_column(BigInteger)
    """The first version that it isn't in any more. None: it is in the newest."""
    source: Mapped[str] = mapped_column(String(16))
    """`sample` or `import`: the sample goes when a catalogue comes."""
    title: Mapped[str] = mapped_column(String(MAX_TITLE_LETTERS))
    brand: Mapped[str | None] = mapped_column(String(MAX_BRAND_LETTERS))
    brand_key: Mapped[str | None] = mapped_column(String(MAX_BRAND_LETTERS * 3))
    country: Mapped[str | None] = mapped_column(String(2))
    price_minor: Mapped[int | None] = mapped_column(BigInteger)
    in_stock: Mapped[bool | None] = mapped_column(Boolean)
    text_hash: Mapped[bytes] = mapped_column(LargeBinary(16))
    data_hash: Mapped[bytes] = mapped_column(LargeBinary(16))
    """Of `data`: what is the same is left as it is."""
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The fields of `Product` that are known."""


class ProductCategory(Base):
    """What a product is in."""

    __tablename__ = "product_categories"
    __table_args__ = (Index("ix_product_categories_key", "key", "product_id"),)

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(Integer, primary_key=True)
    """From the widest to the narrowest."""
    key: Mapped[str] = mapped_column(_Key)
    name: Mapped[str] = mapped_column(String(MAX_CATEGORY_LETTERS))


class ProductVector(Base):
    """What a model makes of a text; of several products with the same text, and of products that come back."""

    __tablename__ = "product_vectors"

    model_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    text_hash: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """float16, little-endian: half the room, and cosines differ by less than 0.001."""


class CatalogueImport(Base):
    """A file that is taken into the catalogue, or was."""

    __tablename__ = "catalogue_imports"
    __table_args__ = (
        Index("ix_catalogue_imports_created_at", "created_at", "id"),
        # One goes on at a time.
        partial_index("ix_catalogue_imports_open", "id", where="ended_at IS NULL"),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    """queued, reading, embedding, indexing; then published, failed or cancelled.

    One that failed or was cancelled has not ended before what it wrote is taken away again.
    """
    name: Mapped[str] = mapped_column(String(255))
    """Of the file, as whoever sent it calls it."""
    place: Mapped[str] = mapped_column(String(22))
    """The data directory that it is in, as that is called among those that share the database."""
    form: Mapped[str] = mapped_column(String(16))
    """csv, jsonl or parquet; or model, where there is no file: see `importing.states`."""
    sha256: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    """See `importing.options`."""
    version: Mapped[int | None] = mapped_column(BigInteger)
    """That it writes."""
    rows_read: Mapped[int] = mapped_column(BigInteger, default=0)
    """All up to here are in the database: whoever resumes it goes on after them."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    """See `importing.counts`."""
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    """Who sent it; None: a command, or a machine. The account may be gone since."""
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_expires_at: Mapped[float | None] = mapped_column(Seconds)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Seconds)
    started_at: Mapped[float | None] = mapped_column(Seconds)
    ended_at: Mapped[float | None] = mapped_column(Seconds)


class ImportNote(Base):
    """What was mended in a row of a file, or why it was refused."""

    __tablename__ = "catalogue_import_notes"

    import_id: Mapped[str] = mapped_column(ForeignKey("catalogue_imports.id", ondelete="CASCADE"), primary_key=True)
    row: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """Of the file, the first one after the header is 1."""
    place: Mapped[int] = mapped_column(Integer, primary_key=True)
    """Of the note among those of its row."""
    asin: Mapped[str | None] = mapped_column(String(MAX_ASIN_LETTERS))
    kind: Mapped[str] = mapped_column(String(16))
    """mended, refused or duplicate."""
    field: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(300))


class ImportedAsin(Base):
    """What an import that goes on has come across already, so that of two rows with one asin the newer one is kept."""

    __tablename__ = "catalogue_import_asins"

    import_id: Mapped[str] = mapped_column(ForeignKey("catalogue_imports.id", ondelete="CASCADE"), primary_key=True)
    asin: Mapped[str] = mapped_column(String(MAX_ASIN_LETTERS), primary_key=True)
    row: Mapped[int] = mapped_column(BigInteger)
    stamp: Mapped[float | None] = mapped_column(Seconds)
    """When the shop changed it last, where the file says so."""
