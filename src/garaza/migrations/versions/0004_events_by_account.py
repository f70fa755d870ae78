"""Events know whose they are, and what is left of jobs that were deleted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply. Adding a column without a constraint leaves the table in its place, and the numbers that it gives out."""
    op.add_column("job_events", sa.Column("user_id", _NUMBER, nullable=True))
    op.execute("UPDATE job_events SET user_id = (SELECT user_id FROM jobs WHERE jobs.id = job_events.job_id)")
    op.create_index(
        "ix_job_events_user_id_id",
        "job_events",
        ["user_id", "id"],
        unique=False,
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "job_departures",
        sa.Column("id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("job_id", sa.String(length=22), nullable=False),
        sa.Column("user_id", _NUMBER, nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_job_departures_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_departures")),
    )
    with op.batch_alter_table("job_departures", schema=None) as batch_op:
        batch_op.create_index("ix_job_departures_user_id_id", ["user_id", "id"], unique=False)
        batch_op.create_index("ix_job_departures_at", ["at"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("job_departures")
    op.drop_index("ix_job_events_user_id_id", "job_events")
    op.drop_column("job_events", "user_id")
