"""DELETE of an object or a collection, with preconditions, finalizers and what goes along."""

from __future__ import annotations

from meshportal.sandbox.api.answers import Answer, log, now, shown
from meshportal.sandbox.api.bodies import delete_options
from meshportal.sandbox.api.kinds import BY_PLURAL
from meshportal.sandbox.api.reading import selector
from meshportal.sandbox.api.requests import Request, Route
from meshportal.sandbox.api.status import JsonObject, Target, conflict, not_found
from meshportal.sandbox.api.store import Key, Store

NAMESPACES = BY_PLURAL["", "namespaces"]
RETURNED = ("Pod", "Namespace")  # kinds whose DELETE answers with the object


def delete(store: Store, place: Route, request: Request) -> Answer:
    """DELETE of one object. Raises 400, 404, 409."""
    options = delete_options(request)
    live = store.get(place.key)
    if live is None:
        raise not_found(place.target)
    _preconditions(place, live, options.get("preconditions") or {})
    if options.get("dryRun"):
        return Answer(200, _success(place, live))
    with store.transaction():
        item = _end(store, place.key, live, orphan=_orphan(options))
        log(store, place, request, item)
    if item["metadata"].get("finalizers"):
        return Answer(200, shown(item, place))
    if place.resource.kind in RETURNED:
        return Answer(200, shown(_terminating(item), place))
    return Answer(200, _success(place, live))


def delete_collection(store: Store, place: Route, request: Request) -> Answer:
    """DELETE of every object a selector chooses: a List of them as they were."""
    chosen, options = selector(place, request), delete_options(request)
    items = [item for item in store.items(place.resource, place.namespace) if chosen(item)]
    if not options.get("dryRun"):
        with store.transaction():
            for item in items:
                metadata = item["metadata"]
                key = Key(place.resource, metadata.get("namespace", ""), metadata["name"])
                # a namespace or an owner deleted before may have taken this one along
                if store.get(key):
                    log(store, place, request, _end(store, key, item, orphan=_orphan(options)))
    kind = f"{place.resource.kind}List"
    metadata = {"resourceVersion": str(store.version)}
    return Answer(
        200, {"kind": kind, "apiVersion": place.api_version, "metadata": metadata, "items": [shown(i, place) for i in items]}
    )


def _orphan(options: JsonObject) -> bool:
    return bool(options.get("propagationPolicy") == "Orphan")


def _preconditions(place: Route, live: JsonObject, wanted: JsonObject) -> None:
    metadata, target = live["metadata"], Target(place.resource.group, place.resource.kind, place.name)
    for name, label, guess in (
        ("uid", "UID", "The object might have been deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "The object might have been modified"),
    ):
        if wanted.get(name) and wanted[name] != metadata[name]:
            found = f"the {label} in the precondition ({wanted[name]}) does not match the {label} in record ({metadata[name]})"
            raise conflict(target, f"{found}. {guess}")


def _end(store: Store, key: Key, live: JsonObject, *, orphan: bool) -> JsonObject:
    """Delete an object, or mark it where a finalizer still has to do something."""
    metadata = live["metadata"]
    if not metadata.get("finalizers"):
        return remove(store, key, live, orphan=orphan)
    if metadata.get("deletionTimestamp"):
        return live
    marks = {"deletionTimestamp": now(), "deletionGracePeriodSeconds": 0}
    if "generation" in metadata:
        marks["generation"] = metadata["generation"] + 1
    return store.put(key, live | {"metadata": metadata | marks}, live)


def remove(store: Store, key: Key, live: JsonObject, *, orphan: bool = False) -> JsonObject:
    """Delete an object and, as the garbage collector would a moment later, what it contains or owns."""
    item = store.remove(key, live)
    dependents = [] if orphan else store.owned_by(live["metadata"]["uid"])
    if key.resource is NAMESPACES:
        dependents += [(group, plural, key.name, name) for group, plural, name in store.in_namespace(key.name)]
    for group, plural, namespace, name in dependents:
        dependent = Key(BY_PLURAL[group, plural], namespace, name)
        found = store.get(dependent)
        if found is not None:
            remove(store, dependent, found)
    return item


def _terminating(item: JsonObject) -> JsonObject:
    """The last state of a Pod or Namespace, as the answer to its DELETE shows it."""
    item = item | {"metadata": item["metadata"] | {"deletionTimestamp": now()}}
    return item | {"status": {"phase": "Terminating"}} if "finalizers" in item.get("spec", {}) else item


def _success(place: Route, live: JsonObject) -> JsonObject:
    details = Target(place.resource.group, place.resource.plural, place.name, live["metadata"]["uid"]).body()
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
