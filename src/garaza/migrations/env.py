"""Alembic's entry point: runs the migrations on the connection that the caller holds."""

from alembic import context

from garaza.jobs import models as jobs
from garaza.kit.models import Base

__all__ = ["jobs"]

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
