"""Reading the record. Whom it concerns is told by the caller: audit knows no permissions."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from meshportal.audit.models import AuditEvent


def filtered(events: QuerySet[AuditEvent], *, text: str = "", subject: str = "", actor: str = "") -> QuerySet[AuditEvent]:
    """Events whose sentence or subject holds `text`, of one subject, of one actor; newest first."""
    # SQLite and PostgreSQL both refuse NUL inside a value
    text, subject, actor = (value.replace("\x00", "") for value in (text, subject, actor))
    if text:
        events = events.filter(Q(sentence__icontains=text) | Q(subject__icontains=text))
    if subject:
        events = events.filter(subject=subject)
    if actor:
        events = events.filter(actor_name=actor)
    return events.order_by("-sequence")
