"""Canaries: the list, the form that starts one, one with its acts."""

from __future__ import annotations

from django.urls import path

from meshportal.policies.editing import patterns
from meshportal.rollouts import views
from meshportal.rollouts.forms import RolloutEditor

app_name = "rollouts"

urlpatterns = [
    path("", views.index, name="list"),
    *patterns(RolloutEditor()),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/live/", views.live, name="live"),
    path("<int:pk>/<slug:verb>/", views.act, name="act"),
]
