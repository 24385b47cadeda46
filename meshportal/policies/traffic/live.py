"""What is live around a service, from the catalog's rows."""

from __future__ import annotations

from meshportal.catalog import queries
from meshportal.changes.kinds import Subject, SubjectUnknown
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.traffic import Pods, TrafficLive


def traffic_live(subject: Subject) -> TrafficLive:
    """What the observer last saw of one service and its routing objects. Raises SubjectUnknown."""
    snapshot = queries.latest(subject.cluster)
    now = snapshot.service(subject.namespace, subject.service) if snapshot else None
    if now is None:
        raise SubjectUnknown(f"{subject.namespace}/{subject.service}")
    virtual_services, destination_rules = queries.live_objects_for_service(subject.cluster, subject.namespace, subject.service)
    return TrafficLive(
        service=ServiceRef(subject.namespace, subject.service),
        virtual_services=tuple(virtual_services),
        destination_rules=tuple(destination_rules),
        pods={version.version: Pods(version.pods_ready, version.pods_total) for version in now.versions},
        per_second=now.per_second,
        measured={v.version: v.measured_percent for v in now.versions if v.measured_percent is not None},
    )
