"""What is wrong with a value of the form for exposures, and what to do."""

from __future__ import annotations

from django.utils.translation import gettext as _

from meshportal.mesh.field_errors import FieldError


def error_sentence(error: FieldError) -> str:
    """One typed or sent value that cannot be used."""
    return (_values(error.code) or _rows(error.code) or _conflicts(error.code)) % error.values


def _values(code: str) -> str:
    sentences = {
        "not-text": _("This must be text or a number."),
        "too-long": _("Keep this under %(limit)d characters."),
        "control-character": _("This holds a character that cannot be seen, such as a tab or NUL. Type it again."),
        "not-a-tick": _("“%(typed)s” is neither true nor false."),
        "not-offered": _("“%(typed)s” is not one of: %(known)s."),
        "host-missing": _("Name at least one host, such as shop.example.com."),
        "not-a-host": _("“%(host)s” is not a host. Write a name such as shop.example.com, or *.example.com for all below one."),
        "host-is-address": _("“%(host)s” ends like an address. Gateways answer names: write one, or * for every host."),
        "host-too-short": _("“%(host)s” has no dot, so Istio would take it for a service. Write the full name of the host."),
        "host-twice": _("“%(host)s” stands here twice. Remove one of the two."),
        "hosts-overlap": _("“%(host)s” and “%(other)s” overlap. Keep the wider of the two."),
        "any-host-in-mesh": _("The VirtualService is followed inside the mesh too, where * is not allowed. Name the hosts."),
        "port-missing": _("Name the port at which the gateway listens, such as 80 or 443."),
        "not-a-port": _("“%(typed)s” is not a port. Write a number from 1 to 65535."),
        "target-port-missing": _("The service has several ports. Choose one: %(known)s."),
        "no-such-port": _("The service has no port %(typed)s. It has: %(known)s."),
        "not-a-name": _("“%(typed)s” is not the name of a Secret: lower-case letters, digits, dashes and dots."),
        "credential-missing": _("HTTPS needs a certificate: name the Secret that holds it, in the gateway's namespace."),
        "credential-without-tls": _("Plain HTTP uses no certificate. Choose HTTPS, or empty this."),
        "redirect-without-tls": _("There is no HTTPS to redirect to. Choose HTTPS, or take the tick away."),
        "passthrough": _(
            "With PASSTHROUGH the gateway cannot read requests, so no path can be matched. Choose SIMPLE or MUTUAL, "
            "or write a TLS route by hand."
        ),
        "path-missing": _("Write a path, such as /api, or remove the row."),
        "path-without-slash": _("“%(typed)s” does not start with a slash. Write /%(typed)s."),
        "path-with-more": _("A path has no spaces and neither ? nor #. Write “%(typed)s” without them."),
        "path-not-editable": _("This match is shown as it is: change it with the routes form, or remove it here."),
        "not-a-gateway": _("“%(typed)s” is not a Gateway. Write namespace/name, or leave it empty for a new one."),
        "no-such-gateway": _("There is no Gateway %(typed)s. Known: %(known)s."),
        "no-gateways": _("There is no Gateway %(typed)s, nor any other. Leave this empty for a new one."),
        "not-labels": _("“%(typed)s” are no labels. Write them as istio=ingressgateway."),
        "workload-missing": _("Say which ingress gateway the new Gateway is for, by its labels."),
    }
    return sentences.get(code, "")


def _rows(code: str) -> str:
    sentences = {
        "not-rows": _("Send a list of at most %(limit)d rows."),
        "not-a-row": _("Each row is an object with fields."),
        "unknown-field": _("There is no such field. Known: %(known)s."),
        "origin-gone": _("What this row came from has changed in the mesh meanwhile. Open the form again, or remove the row."),
        "origin-twice": _("Two rows came from the same live route. Remove one of them."),
        "path-twice": _("“%(path)s” is there already. Remove one of the two."),
    }
    return sentences.get(code, "")


def _conflicts(code: str) -> str:
    sentences = {
        "port-protocol": _(
            "Port %(port)d of %(gateway)s speaks %(other)s already, so it cannot speak %(protocol)s. Choose another."
        ),
        "redirect-shared": _(
            "%(gateway)s redirects %(hosts)s with one entry, so the redirect of %(host)s alone cannot be taken away. "
            "Use another Gateway, or ask its owners."
        ),
        "path-taken": _("“%(path)s” of this host leads to %(by)s already. Choose another path, or remove that route first."),
        "path-takes": _(
            "“%(path)s” would take the requests of “%(theirs)s”, which lead to %(by)s. Put this path into a row of its own."
        ),
    }
    return sentences[code]
