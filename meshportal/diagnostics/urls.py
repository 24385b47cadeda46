"""Pages that check, explain and offer the fix."""

from __future__ import annotations

from django.urls import path

from meshportal.diagnostics import findings_views, traffic_views

app_name = "diagnostics"

urlpatterns = [
    path("findings/<slug:cluster>/", findings_views.findings, name="findings"),
    path("traffic/<slug:cluster>/<slug:namespace>/<slug:service>/", traffic_views.traffic, name="traffic"),
]
