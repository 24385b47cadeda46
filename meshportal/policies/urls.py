"""Self-service forms."""

from __future__ import annotations

from meshportal.policies.destination.views import DestinationEditor
from meshportal.policies.editing import patterns
from meshportal.policies.removing.views import RemovalEditor
from meshportal.policies.routes.views import RoutesEditor
from meshportal.policies.traffic.views import TrafficEditor

app_name = "policies"

urlpatterns = [
    *patterns(TrafficEditor()),
    *patterns(RoutesEditor()),
    *patterns(DestinationEditor()),
    *patterns(RemovalEditor()),
]
