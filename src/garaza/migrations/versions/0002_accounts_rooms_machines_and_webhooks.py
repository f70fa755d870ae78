"""Accounts, rooms, machines and webhooks; jobs have owners, a history of attempts, and can be cancelled."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_STATES = "state IN ('uploaded', 'queued', 'running', 'completed', 'failed'%s)"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "guest_days",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("scans", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "address", name=op.f("pk_guest_days")),
    )
    op.create_table(
        "machine_keys",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("revoked_at", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_keys")),
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(length=22), nullable=False),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_revoked_tokens")),
    )
    with op.batch_alter_table("revoked_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_revoked_tokens_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=254), nullable=False),
        sa.Column("username", sa.String(length=50), nullable=False),
        sa.Column("username_key", sa.String(length=150), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("plan", sa.String(length=16), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("deleted_at", sa.Float(precision=53), nullable=True),
        sa.Column("scans_month", sa.Integer(), nullable=False),
        sa.Column("scans_this_month", sa.Integer(), nullable=False),
        sa.Column("total_scans", sa.Integer(), nullable=False),
        sa.CheckConstraint("plan IN ('free', 'pro', 'enterprise')", name=op.f("ck_users_plan")),
        sa.CheckConstraint("role IN ('user', 'admin')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        sa.UniqueConstraint("username_key", name=op.f("uq_users_username_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index(
            "ix_users_admins",
            ["id"],
            unique=False,
            sqlite_where=sa.text("role = 'admin'"),
            postgresql_where=sa.text("role = 'admin'"),
        )
        batch_op.create_index(
            "ix_users_deleted_at",
            ["deleted_at"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )
        batch_op.create_index("ix_users_is_active_id", ["is_active", "id"], unique=False)
        batch_op.create_index("ix_users_plan_id", ["plan", "id"], unique=False)
        batch_op.create_index("ix_users_plan_is_active", ["plan", "is_active", "id"], unique=False)

    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("job_id", sa.String(length=22), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Float(precision=53), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("finished_at", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    with op.batch_alter_table("webhook_deliveries", schema=None) as batch_op:
        batch_op.create_index("ix_webhook_deliveries_created_at", ["created_at"], unique=False)
        batch_op.create_index(
            "ix_webhook_deliveries_due",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index("ix_webhook_deliveries_job_id", ["job_id"], unique=False)

    op.create_table(
        "activities",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_activities_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("activities", schema=None) as batch_op:
        batch_op.create_index("ix_activities_action", ["action", "id"], unique=False)
        batch_op.create_index("ix_activities_user_id_action", ["user_id", "action", "created_at", "id"], unique=False)
        batch_op.create_index("ix_activities_user_id_created_at", ["user_id", "created_at", "id"], unique=False)

    op.create_table(
        "login_sessions",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("refreshed_at", sa.Float(precision=53), nullable=False),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.Column("revoked_at", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_login_sessions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_sessions")),
    )
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_login_sessions_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_login_sessions_user_id_created_at", ["user_id", "created_at"], unique=False)

    op.create_table(
        "rooms",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_id", sa.String(length=22), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("frame_count", sa.Integer(), nullable=False),
        sa.Column("point_count", sa.Integer(), nullable=False),
        sa.Column("model_used", sa.String(length=50), nullable=False),
        sa.Column("original_width", sa.Integer(), nullable=False),
        sa.Column("original_height", sa.Integer(), nullable=False),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("updated_at", sa.Float(precision=53), nullable=False),
        sa.Column("deleted_at", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_rooms_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.create_index(
            "ix_rooms_deleted_at",
            ["deleted_at"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )
        batch_op.create_index("ix_rooms_job_id_version_user_id", ["job_id", "version", "user_id"], unique=False)
        batch_op.create_index("ix_rooms_user_id_created_at", ["user_id", "created_at", "id"], unique=False)

    op.create_table(
        "used_nonces",
        sa.Column("key_id", sa.String(length=22), nullable=False),
        sa.Column("nonce", sa.String(length=128), nullable=False),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["machine_keys.id"], name=op.f("fk_used_nonces_key_id_machine_keys"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key_id", "nonce", name=op.f("pk_used_nonces")),
    )
    with op.batch_alter_table("used_nonces", schema=None) as batch_op:
        batch_op.create_index("ix_used_nonces_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "job_attempts",
        sa.Column("job_id", sa.String(length=22), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=100), nullable=False),
        sa.Column("began_at", sa.Float(precision=53), nullable=False),
        sa.Column("ended_at", sa.Float(precision=53), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("stage", sa.String(length=32), nullable=True),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_attempts_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "fence", name=op.f("pk_job_attempts")),
    )
    op.create_table(
        "room_files",
        sa.Column("room_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name=op.f("fk_room_files_room_id_rooms"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("room_id", "path", name=op.f("pk_room_files")),
    )
    op.create_table(
        "room_shares",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("room_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.Column("revoked_at", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name=op.f("fk_room_shares_room_id_rooms"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_shares")),
    )
    with op.batch_alter_table("room_shares", schema=None) as batch_op:
        batch_op.create_index("ix_room_shares_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_room_shares_room_id", ["room_id"], unique=False)

    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_jobs_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_jobs_state"), _STATES % ", 'cancelled'")
        batch_op.add_column(sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("guest", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("deleted_at", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("rank", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("published_at", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("counted_at", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("upload_key", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("process_key", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("webhook_url", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("upload_bytes", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("result_bytes", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.drop_index(batch_op.f("ix_jobs_claim"))
        batch_op.drop_index(batch_op.f("ix_jobs_lease"))
        # Of those alone that expire.
        batch_op.drop_index(batch_op.f("ix_jobs_expires_at"))
        batch_op.create_index(
            "ix_jobs_expires_at",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("expires_at IS NOT NULL"),
            postgresql_where=sa.text("expires_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_jobs_deleted_at",
            ["deleted_at"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_jobs_guest",
            ["guest", "upload_bytes", "result_bytes"],
            unique=False,
            sqlite_where=sa.text("guest IS NOT NULL"),
            postgresql_where=sa.text("guest IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_jobs_leases",
            ["lease_expires_at"],
            unique=False,
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )
        batch_op.create_index(
            "ix_jobs_queue",
            ["rank", "id", "available_at"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index("ix_jobs_created_at", ["created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_jobs_state_created_at",
            ["state", "created_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_jobs_processing_created_at",
            ["created_at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'running')"),
            postgresql_where=sa.text("state IN ('queued', 'running')"),
        )
        batch_op.create_index(
            "ix_jobs_guests_created_at",
            ["created_at", "id"],
            unique=False,
            sqlite_where=sa.text("user_id IS NULL"),
            postgresql_where=sa.text("user_id IS NULL"),
        )
        batch_op.create_index("ix_jobs_user_id_bytes", ["user_id", "upload_bytes", "result_bytes"], unique=False)
        batch_op.create_index("ix_jobs_user_id_created_at", ["user_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "uq_jobs_guest_upload_key",
            ["guest", "upload_key"],
            unique=True,
            sqlite_where=sa.text("upload_key IS NOT NULL AND guest IS NOT NULL"),
            postgresql_where=sa.text("upload_key IS NOT NULL AND guest IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_jobs_user_id_upload_key",
            ["user_id", "upload_key"],
            unique=True,
            sqlite_where=sa.text("upload_key IS NOT NULL AND user_id IS NOT NULL"),
            postgresql_where=sa.text("upload_key IS NOT NULL AND user_id IS NOT NULL"),
        )
        batch_op.create_foreign_key(batch_op.f("fk_jobs_user_id_users"), "users", ["user_id"], ["id"])
    _fill()


def _fill() -> None:
    """What the new columns would hold had they always been there."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    size = "CAST(json_extract(source, '$.size_bytes') AS INTEGER)" if sqlite else "(source->>'size_bytes')::bigint"
    op.execute(f"UPDATE jobs SET upload_bytes = COALESCE({size}, 0), rank = queued_at, priority = 9")
    op.execute(
        "UPDATE jobs SET result_bytes = "
        "COALESCE((SELECT SUM(size_bytes) FROM job_files WHERE job_files.job_id = jobs.id), 0)"
    )


def downgrade() -> None:
    """Take back. What only the new tables can hold is lost; cancelled scans read as failed."""
    op.execute("UPDATE jobs SET state = 'failed' WHERE state = 'cancelled'")
    op.execute("DELETE FROM jobs WHERE deleted_at IS NOT NULL")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_jobs_created_at")
        batch_op.drop_index("ix_jobs_state_created_at")
        batch_op.drop_index("ix_jobs_processing_created_at")
        batch_op.drop_index("ix_jobs_guests_created_at")
        batch_op.drop_index("ix_jobs_deleted_at")
        batch_op.drop_index("ix_jobs_guest")
        batch_op.drop_index("ix_jobs_leases")
        batch_op.drop_index("ix_jobs_queue")
        batch_op.drop_index("ix_jobs_user_id_bytes")
        batch_op.drop_index("ix_jobs_user_id_created_at")
        batch_op.drop_index("uq_jobs_guest_upload_key")
        batch_op.drop_index("uq_jobs_user_id_upload_key")
        batch_op.drop_constraint(op.f("fk_jobs_user_id_users"), type_="foreignkey")
        batch_op.drop_constraint(op.f("ck_jobs_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_jobs_state"), _STATES % "")
        batch_op.drop_column("user_id")
        batch_op.drop_column("guest")
        batch_op.drop_column("deleted_at")
        batch_op.drop_column("rank")
        batch_op.drop_column("published_at")
        batch_op.drop_column("counted_at")
        batch_op.drop_column("upload_key")
        batch_op.drop_column("process_key")
        batch_op.drop_column("webhook_url")
        batch_op.drop_column("upload_bytes")
        batch_op.drop_column("result_bytes")
        batch_op.drop_index("ix_jobs_expires_at")
        batch_op.create_index("ix_jobs_expires_at", ["expires_at"])
        batch_op.create_index("ix_jobs_claim", ["state", "priority", "queued_at"])
        batch_op.create_index("ix_jobs_lease", ["state", "lease_expires_at"])
    op.drop_table("used_nonces")
    op.drop_table("room_shares")
    op.drop_table("room_files")
    op.drop_table("job_attempts")
    op.drop_table("rooms")
    op.drop_table("login_sessions")
    op.drop_table("activities")
    op.drop_table("webhook_deliveries")
    op.drop_table("users")
    op.drop_table("revoked_tokens")
    op.drop_table("machine_keys")
    op.drop_table("guest_days")
