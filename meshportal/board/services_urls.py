"""Addresses of the services."""

from __future__ import annotations

from django.urls import path

from meshportal.board import services_views as views

app_name = "services"
urlpatterns = [
    path("", views.index, name="list"),
    path("<slug:cluster>/<slug:namespace>/<slug:service>/", views.detail, name="detail"),
    path("<slug:cluster>/<slug:namespace>/<slug:service>/fragment/", views.fragment, name="fragment"),
    path("<slug:cluster>/<slug:namespace>/<slug:service>/history/", views.history, name="history"),
]
