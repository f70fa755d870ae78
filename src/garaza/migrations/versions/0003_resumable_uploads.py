"""Uploads that go on where they broke off."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("guest", sa.String(length=64), nullable=True),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("upload_key", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.Column("ended_at", sa.Float(precision=53), nullable=True),
        sa.Column("job_id", sa.String(length=22), nullable=True),
        sa.Column("refusal", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_uploads_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index("ix_uploads_expires_at", ["expires_at"], unique=False)
        batch_op.create_index(
            "ix_uploads_guest_ended_at",
            ["guest", "ended_at", "length"],
            unique=False,
            sqlite_where=sa.text("guest IS NOT NULL"),
            postgresql_where=sa.text("guest IS NOT NULL"),
        )
        batch_op.create_index("ix_uploads_user_id_ended_at", ["user_id", "ended_at", "length"], unique=False)
        batch_op.create_index(
            "uq_uploads_guest_upload_key",
            ["guest", "upload_key"],
            unique=True,
            sqlite_where=sa.text("upload_key IS NOT NULL AND guest IS NOT NULL"),
            postgresql_where=sa.text("upload_key IS NOT NULL AND guest IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_uploads_user_id_upload_key",
            ["user_id", "upload_key"],
            unique=True,
            sqlite_where=sa.text("upload_key IS NOT NULL AND user_id IS NOT NULL"),
            postgresql_where=sa.text("upload_key IS NOT NULL AND user_id IS NOT NULL"),
        )


def downgrade() -> None:
    """Take back. Uploads that have begun are lost."""
    op.drop_table("uploads")
