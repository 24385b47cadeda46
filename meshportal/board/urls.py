"""Addresses of the board."""

from __future__ import annotations

from django.urls import path

from meshportal.board import views

app_name = "board"
urlpatterns = [
    path("", views.home, name="home"),
    path("board/fragment/", views.fragment, name="fragment"),
]
