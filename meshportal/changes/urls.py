"""Changes: the queue, one change, and its verbs."""

from __future__ import annotations

from django.urls import path

from meshportal.changes import views

app_name = "changes"

urlpatterns = [
    path("", views.index, name="list"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/live/", views.live, name="live"),
    path("<int:pk>/decide/", views.decide, name="decide"),
    path("<int:pk>/submit/", views.submit, name="submit"),
    path("<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("<int:pk>/stop/", views.stop, name="stop"),
    path("<int:pk>/settle/", views.settle, name="settle"),
]
