"""Addresses that belong to no app: the switch of language."""

from __future__ import annotations

from django.urls import path

from meshportal.web import views

app_name = "web"
urlpatterns = [path("language/", views.language, name="language")]
