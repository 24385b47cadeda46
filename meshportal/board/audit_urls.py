"""The record of every act."""

from __future__ import annotations

from django.urls import path

from meshportal.board import audit_views

app_name = "audit"

urlpatterns = [path("", audit_views.index, name="list")]
