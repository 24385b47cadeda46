"""Every address of the portal, by app."""

from __future__ import annotations

from django.urls import include, path

from meshportal.api import v1

urlpatterns = [
    path("", include("meshportal.board.urls")),
    path("account/", include("meshportal.accounts.urls")),
    path("services/", include("meshportal.board.services_urls")),
    path("changes/", include("meshportal.changes.urls")),
    path("rollouts/", include("meshportal.rollouts.urls")),
    path("settings/", include("meshportal.clusters.urls")),
    path("policies/", include("meshportal.policies.urls")),
    path("diagnostics/", include("meshportal.diagnostics.urls")),
    path("audit/", include("meshportal.board.audit_urls")),
    path("api/v1/", v1.urlpatterns()),
    path("i18n/", include("meshportal.web.urls")),
]

handler400 = "meshportal.web.errors.bad_request"
handler403 = "meshportal.web.errors.permission_denied"
handler404 = "meshportal.web.errors.not_found"
handler500 = "meshportal.web.errors.server_error"
