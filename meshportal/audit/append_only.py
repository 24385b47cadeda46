"""Triggers that make the database itself refuse to change or delete an audit event."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

SENTENCE = "audit events are never changed or deleted"

SQLITE = {
    f"audit_no_{verb.lower()}": (
        f"CREATE TRIGGER IF NOT EXISTS audit_no_{verb.lower()} BEFORE {verb} ON audit_auditevent "
        f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
    )
    for verb in ("UPDATE", "DELETE")
}
POSTGRESQL = (
    f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION '{SENTENCE}'; END $$",
    "DROP TRIGGER IF EXISTS audit_append_only ON audit_auditevent",
    "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    # emptying the table deletes no row, so that the trigger above does not hear of it
    "DROP TRIGGER IF EXISTS audit_no_truncate ON audit_auditevent",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_auditevent FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers; doing it again changes nothing."""
    statements = tuple(SQLITE.values()) if connection.vendor == "sqlite" else POSTGRESQL
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop them: for undoing the migration, and for test databases that are emptied between tests."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name in SQLITE:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            for name in ("audit_append_only", "audit_no_truncate"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON audit_auditevent")
