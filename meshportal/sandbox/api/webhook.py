"""Istio's validating webhook: what it refuses beyond the schema, and what it warns of. Measured on Istio 1.31.

It covers the kinds MeshPortal writes and the mistakes its forms could make, not everything istiod knows.
https://istio.io/latest/docs/reference/config/analysis/ is another thing: that is istioctl, not the webhook.
"""

from __future__ import annotations

from collections.abc import Callable

from meshportal.sandbox.api import webhook_access, webhook_gateway, webhook_traffic
from meshportal.sandbox.api.complaints import Complaints
from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.status import ApiError, JsonObject

DENIED = 'admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: '

JUDGES: dict[str, Callable[[JsonObject, Complaints], None]] = {
    "VirtualService": webhook_traffic.virtual_service,
    "DestinationRule": webhook_traffic.destination_rule,
    "Gateway": webhook_gateway.gateway,
    "PeerAuthentication": webhook_access.peer_authentication,
    "AuthorizationPolicy": webhook_access.authorization_policy,
    "Telemetry": webhook_access.telemetry,
}


def judge(resource: Resource, item: JsonObject) -> list[str]:
    """The webhook's warnings. Raises its 400, which has neither reason nor causes."""
    judge_kind = JUDGES.get(resource.kind)
    if judge_kind is None or not resource.custom:
        return []
    complaints = Complaints()
    judge_kind(item, complaints)
    if complaints.refusals:
        raise ApiError(400, "", DENIED + complaints.text())
    return complaints.warnings
