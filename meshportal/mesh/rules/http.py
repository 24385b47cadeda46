"""What istiod refuses of an HTTP route, and what it takes with a warning.

Source: validateHTTPRoute and what it calls, in pkg/config/validation/{virtualservice,validation}.go of Istio.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from meshportal.mesh.durations import parse
from meshportal.mesh.findings import Finding
from meshportal.mesh.rules import destinations, strings, values
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.view import Mesh

_HTTP_REASONS = """5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream
 retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure"""
_GRPC_REASONS = "cancelled deadline-exceeded internal resource-exhausted unavailable"
RETRY_ON = frozenset(f"{_HTTP_REASONS} {_GRPC_REASONS}".split())
_GRPC_CODES = """OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
 RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"""
GRPC_STATUS = tuple(_GRPC_CODES.split())
CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*")
_KIB = 1024
_STATUSES = frozenset(str(int(status)) for status in HTTPStatus)


def routes(mesh: Mesh) -> Iterator[Finding]:
    for spec in mesh.virtual_services:
        for route in spec.each("http"):
            if not isinstance(route.value, dict):
                yield route.finding("MP0213", field="route")
                continue
            yield from _action(route, delegate=not spec.texts("hosts"))
            for part in (_mirrors, _retries, _faults, _cors, _redirect, _direct_response, _rewrite):
                yield from part(route)
            yield from strings.changed_headers(route["headers"])
            yield from values.duration(route["timeout"])
            for match in route.each("match"):
                yield from _match(match)
            yield from destinations.weighted(route)


def _action(route: Node, *, delegate: bool) -> Iterator[Finding]:
    """What a route does: exactly one of route, redirect, directResponse and delegate."""
    if route["delegate"].there and not delegate:
        for name in ("redirect", "route"):
            if route[name].there and route[name].value != []:
                yield route[name].finding("MP0212", one="delegate", other=name)
        return
    if route["delegate"].there:
        yield route["delegate"].finding("MP0228", field="delegate")
    acting = "redirect" if route["redirect"].there else "directResponse"
    if route[acting].there:
        yield from values.exclusive(route, acting, "route")
        for name in ("fault", "rewrite", "directResponse"):
            if name != acting and route[name].there:
                yield route[name].finding("MP0212", one=acting, other=name)
    elif not route.each("route"):
        yield route.finding("MP0213", field="route")
    yield from values.exclusive(route, "mirror", "mirrors")


def _match(match: Node) -> Iterator[Finding]:
    for name, header in match["headers"].pairs():
        if not header.there:
            yield header.finding("MP0213", field="headers")
        yield from strings.matched_header(name, header)
        yield from strings.string_match(header)
    for name, header in match["withoutHeaders"].pairs():
        yield from strings.matched_header(name, header)
        # "*" alone is no expression there: it stands for "is present"
        if header["regex"].text != "*":
            yield from strings.string_match(header)
    yield from strings.string_match(match["uri"], empty_prefix=True)
    for field in ("scheme", "method", "authority"):
        yield from strings.string_match(match[field])
    for _name, parameter in match["queryParams"].pairs():
        yield from strings.string_match(parameter)
    yield from destinations.match_of_any_kind(match)
    namespace = match["sourceNamespace"]
    if namespace.text and not strings.is_label(namespace.text):
        yield namespace.finding("MP0223", name=namespace.text)


def _mirrors(route: Node) -> Iterator[Finding]:
    yield from values.within(route["mirrorPercentage"]["value"], 0, 100)
    yield from destinations.destination(route["mirror"])
    percent = route["mirrorPercent"]
    if percent.there:
        yield from values.within(percent, 0, 100)
        yield percent.finding("MP0250", old="mirrorPercent", new="mirrorPercentage")
    for mirror in route.each("mirrors"):
        yield from values.required(mirror, "destination")
        yield from destinations.destination(mirror["destination"])
        yield from values.within(mirror["percentage"]["value"], 0, 100)


def _retries(route: Node) -> Iterator[Finding]:
    retries = route["retries"]
    if not retries.there:
        return
    attempts = retries["attempts"]
    yield from values.at_least_zero(attempts)
    if not attempts.number:
        for name in ("perTryTimeout", "retryOn", "retryRemoteLocalities"):
            if retries[name].there and retries[name].value != "":
                yield retries[name].finding("MP0224", field=name)
    for name in ("perTryTimeout", "backoff"):
        yield from values.duration(retries[name])
    for reason in retries["retryOn"].text.split(",") if retries["retryOn"].text else []:
        if reason not in RETRY_ON and reason not in _STATUSES:
            yield retries["retryOn"].finding("MP0225", reason=reason, known=", ".join(sorted(RETRY_ON)))


def _faults(route: Node) -> Iterator[Finding]:
    fault = route["fault"]
    if not fault.there:
        return
    abort, delay = fault["abort"], fault["delay"]
    yield from values.any_of(fault, "abort", "delay")
    for part in (abort, delay):
        yield from values.percentage(part["percentage"]["value"])
    if abort.there:
        yield from values.within(abort["httpStatus"], 200, 600)
        yield from values.one_of(abort["grpcStatus"], GRPC_STATUS)
        if abort["http2Error"].there:
            yield abort["http2Error"].finding("MP0227", field="http2Error")
        elif not abort["httpStatus"].there and not abort["grpcStatus"].there:
            yield abort.finding("MP0252")
    for part in (abort, delay):
        # measured on Envoy 1.40: without a percentage it is for nobody, though the documentation once said for all
        if part.there and not part["percentage"].there and not part["percent"].there:
            yield part.finding("MP0267")
    for name in ("fixedDelay", "exponentialDelay"):
        yield from values.duration(delay[name])
    if delay["exponentialDelay"].there:
        yield delay["exponentialDelay"].finding("MP0227", field="exponentialDelay")
    if (delay["percent"].number or 0) > 0:
        yield delay["percent"].finding("IST0002", old="fault.delay.percent", new="fault.delay.percentage")


def _cors(route: Node) -> Iterator[Finding]:
    cors = route["corsPolicy"]
    for origin in cors.each("allowOrigins"):
        if not any(origin[kind].text for kind in strings.MATCHES):
            yield origin.finding("MP0214")
        else:
            yield from strings.string_match(origin, empty_prefix=True)
    for method in cors.each("allowMethods"):
        yield from values.one_of(method, CORS_METHODS)
    for name in ("allowHeaders", "exposeHeaders"):
        for header in cors.texts(name):
            yield from strings.cors_header(header)
    age = cors["maxAge"]
    yield from values.duration(age)
    seconds = parse(age.text)
    if seconds is not None and seconds % 1:
        yield age.finding("MP0210", value=age.text)


def _redirect(route: Node) -> Iterator[Finding]:
    redirect = route["redirect"]
    if not redirect.there:
        return
    one, other = redirect["uri"], redirect["prefixRewrite"]
    if one.text and other.text:
        yield other.finding("MP0212", one="uri", other="prefixRewrite")
    if other.text and any(match["uri"].there and not match["uri"]["prefix"].there for match in route.each("match")):
        yield other.finding("MP0212", one="match.uri", other="prefixRewrite")
    yield from values.any_of(redirect, "uri", "prefixRewrite", "authority", "port", "derivePort", "scheme")
    code = redirect["redirectCode"]
    if code.number:
        yield from values.within(code, 300, 399)
    if redirect["scheme"].text:
        yield from values.one_of(redirect["scheme"], ("http", "https"))
    if redirect["port"].number:
        yield from values.port(redirect["port"])


def _direct_response(route: Node) -> Iterator[Finding]:
    response = route["directResponse"]
    if not response.there:
        return
    body = response["body"]
    # bytes are base64 in JSON: four letters for three of them
    size = len(body["string"].text.encode()) or len(body["bytes"].text) * 3 // 4
    if size > _KIB * _KIB:
        yield body.finding("MP0243", size=size)
    elif size > 100 * _KIB:
        yield body.finding("MP0253", size=size)
    if not response["status"].there:
        yield response.finding("MP0213", field="status")
    yield from values.within(response["status"], 200, 600)


def _rewrite(route: Node) -> Iterator[Finding]:
    rewrite = route["rewrite"]
    expression = rewrite["uriRegexRewrite"]
    if rewrite["uri"].text and expression.there:
        yield expression.finding("MP0212", one="uri", other="uriRegexRewrite")
    yield from values.any_of(rewrite, "uri", "uriRegexRewrite", "authority")
    if expression.there:
        yield from values.required(expression, "match")
        yield from values.required(expression, "rewrite")
        if expression["match"].text:
            yield from strings.regular_expression(expression["match"])
    yield from _authority(route, rewrite)


def _authority(route: Node, rewrite: Node) -> Iterator[Finding]:
    given = [rewrite["authority"]] if rewrite["authority"].text else []
    for what in ("set", "add"):
        given += [value for name, value in route["headers"]["request"][what].pairs() if strings.is_authority(name)]
    for place in given[1:]:
        yield place.finding("MP0244", value=place.text)
