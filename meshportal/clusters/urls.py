"""Settings of a mesh: freeze windows, and the stop of everything."""

from __future__ import annotations

from django.urls import path

from meshportal.clusters import views

app_name = "settings"

urlpatterns = [
    path("freeze/", views.freeze, name="freeze"),
    path("freeze/<slug:cluster>/", views.windows, name="windows"),
    path("freeze/<slug:cluster>/<int:pk>/remove/", views.remove, name="remove-window"),
    path("stop/<slug:cluster>/", views.stop_everything, name="stop"),
    path("stop/<slug:cluster>/lift/", views.lift_stop, name="lift"),
]
