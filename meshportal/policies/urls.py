"""Self-service forms."""

from __future__ import annotations

from django.urls import path

from meshportal.policies.traffic import views as traffic

app_name = "policies"

urlpatterns = [
    path("traffic/<slug:cluster>/<slug:namespace>/<slug:service>/", traffic.edit, name="traffic"),
    path("traffic/<slug:cluster>/<slug:namespace>/<slug:service>/preview/", traffic.preview, name="traffic-preview"),
]
