"""Self-service forms."""

from __future__ import annotations

from django.urls import path

from meshportal.policies.copying.views import patterns as copying
from meshportal.policies.destination.views import DestinationEditor
from meshportal.policies.editing import patterns
from meshportal.policies.gateway.views import GatewayEditor, hosts
from meshportal.policies.removing.views import RemovalEditor
from meshportal.policies.routes.views import RoutesEditor
from meshportal.policies.traffic.views import TrafficEditor

app_name = "policies"

urlpatterns = [
    *patterns(TrafficEditor()),
    *patterns(RoutesEditor()),
    *patterns(DestinationEditor()),
    *patterns(GatewayEditor()),
    path("gateways/<slug:cluster>/", hosts, name="gateways"),
    *patterns(RemovalEditor()),
    *copying(),
]
