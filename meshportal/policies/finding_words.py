"""What rules find remarkable, in words: (sentence, remedy) by code, or by code and reason. `findings.py` fills the values in."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = tuple[str | Promise, str | Promise]

REMARKS: dict[str, Words] = {
    "MP0200": (
        _("What runs in this mesh is not known yet, so nothing is said about services, pods and Gateways that may be missing."),
        _("Look again once the observer has listed services and pods; the mesh's page says what it may not read."),
    ),
    "KIA0005": (
        _("exportTo names the namespace “%(namespace)s”, which is not there."),
        _("Correct the name, or take it out of exportTo."),
    ),
    "KIA1101": (
        _("“%(host)s” is neither a service nor a ServiceEntry of this mesh: requests sent there fail with 503."),
        _("Write the full name of a service, such as reviews.bookinfo.svc.cluster.local, or create it first."),
    ),
    "KIA1102": (
        _("There is no Gateway %(gateway)s, so nothing of this VirtualService holds there."),
        _("Correct the name as namespace/name, or create the Gateway first."),
    ),
    "KIA1107": (
        _("No DestinationRule for %(host)s has a subset “%(subset)s”: requests sent there fail with 503. Known: %(known)s."),
        _("Add the subset to the DestinationRule first, or name one that is there. To remove it, change the route first."),
    ),
    "IST0101": (
        _("%(host)s has no port %(port)s. It has: %(ports)s."),
        _("Choose one of its ports."),
    ),
    "IST0112": (
        _("%(host)s has several ports (%(ports)s) and the destination names none."),
        _("Set the destination's port."),
    ),
    "IST0132": (
        _("Gateway %(gateway)s serves none of the hosts %(hosts)s; it serves: %(offered)s."),
        _("Add the host to a server of the Gateway, or take the Gateway off the VirtualService."),
    ),
    "IST0165": (
        _("“%(gateway)s” is made by Istio itself from a Gateway of the Gateway API, and its name may change."),
        _("Route with an HTTPRoute, or use a Gateway of Istio's own kind."),
    ),
    "IST0109": (
        _("%(names)s route %(host)s inside the mesh too: which one sidecars follow is undefined."),
        _("Keep one VirtualService for the host and move the routes of the others into it."),
    ),
    "KIA1106": (
        _("%(names)s route %(host)s at Gateway %(gateway)s too: they are merged, and the order of their routes is undefined."),
        _("Keep one VirtualService for the host at each Gateway."),
    ),
    "KIA1104": (
        _("The weight %(weight)s has no effect: the only destination of a route gets all of its requests."),
        _("Take the weight away, or add the destinations that get the rest."),
    ),
    "KIA1105": (
        _("The route names %(host)s with subset “%(subset)s” more than once."),
        _("Make it one destination and add the weights."),
    ),
    "IST0130:last": (
        _("This route is never reached: “%(other)s” before it matches everything."),
        _("Only the last route can do without matches: move the other one to the end, or remove one of the two."),
    ),
    "IST0130:catch-all": (
        _("This route is never reached: “%(other)s” before it matches everything."),
        _("Move this route up, above the one without matches."),
    ),
    "IST0130:all-matches": (
        _("This route is never reached: earlier routes have all of its matches."),
        _("Remove the route, or change its matches."),
    ),
    "IST0131:same": (
        _("Route “%(other)s” has the same match and comes first."),
        _("Remove the match here or there."),
    ),
    "IST0131:prefix": (
        _("Paths under “%(prefix)s” are matched by route “%(other)s” already, which comes first."),
        _("Move the more exact match up."),
    ),
    "IST0140": (
        _("%(names)s route %(host)s by subset, but not for requests through a gateway: those follow this route alone."),
        _("Name the subset here too, or add the Gateway to the other VirtualService."),
    ),
    "IST0002": (_("%(old)s is deprecated."), _("Use %(new)s instead.")),
    "MP0202": (
        _("None of the %(total)s pods of subset “%(subset)s” of %(host)s is ready, and the route sends requests there."),
        _("Wait until a pod is ready, correct the subset's labels, or set its weight to 0."),
    ),
    "MP0203": (
        _("The weights add up to %(sum)s. Istio takes them as parts of their sum, not as percentages."),
        _("Make them add up to 100, so that everybody reads the same."),
    ),
    "MP0204": (
        _("“%(host)s” means %(full)s here, which is not there; a service of this name is in another namespace."),
        _("Write %(better)s."),
    ),
    "MP0207": (
        _("%(tries)s tries of %(one)s each do not fit into the timeout of %(timeout)s: the last ones never happen."),
        _("Lengthen the timeout, or shorten the time or number of the tries."),
    ),
    "MP0208": (
        _("Retries on “%(reasons)s” repeat requests that the service may already have carried out."),
        _("Keep them to requests that may be repeated, for instance by a match on method GET."),
    ),
    "MP0262": (
        _("Istio takes port %(port)s of %(host)s for %(protocol)s, so HTTP routes do not hold there."),
        _("Name the Service's port http-… or set its appProtocol; the owner of the service does that."),
    ),
    "MP0264": (
        _("Only clients in these namespaces see the object: %(namespaces)s."),
        _("Take exportTo away if every client is meant."),
    ),
    "MP0265:headless": (
        _("%(host)s is headless: clients choose pods by address, and subsets and load balancing do little."),
        _("Send the traffic through a Service with an address of its own."),
    ),
    "MP0265:external": (
        _("%(host)s is only another name for %(to)s: it has no pods that a subset could choose."),
        _("Name %(to)s itself, with a ServiceEntry if it is outside."),
    ),
    "MP0266": (
        _("%(owner)s manages this object and may undo what is changed here."),
        _("Make the change where %(owner)s takes it from, or agree on who writes."),
    ),
    "MP0270": (
        _("This route is never reached: “%(other)s” before it takes all requests that it asks for."),
        _("Move this route up, before the wider one, or remove it."),
    ),
    "MP0269": (
        _("Requests that none of these routes takes get 404 from the proxies: no route is without conditions."),
        _("Add a last route without conditions that says where all other requests go."),
    ),
    "KIA0201": (
        _("%(names)s hold for %(host)s too (subset “%(subset)s”, none for all of it): only the oldest one counts."),
        _("Merge them into one DestinationRule."),
    ),
    "KIA0202": (
        _("“%(host)s” is neither a service nor a ServiceEntry of this mesh, so the DestinationRule has no effect."),
        _("Write the full name of a service, or remove the DestinationRule."),
    ),
    "KIA0203": (
        _("No pod of the host has the labels of subset “%(subset)s”: %(labels)s."),
        _("Correct the labels, or start the pods before requests go there."),
    ),
    "KIA0209": (
        _("Subset “%(subset)s” has no labels, so it stands for every pod of the host."),
        _("Add the labels that tell its pods apart."),
    ),
    "IST0128": (
        _("TLS to %(host)s (%(mode)s) names no CA: whoever answers is believed."),
        _("Set caCertificates to the CA that signed the server's certificate."),
    ),
    "IST0129": (
        _("TLS to port %(port)s of %(host)s (%(mode)s) names no CA: whoever answers is believed."),
        _("Set caCertificates to the CA that signed the server's certificate."),
    ),
    "MP0205": (
        _("Sidecars do not look in namespace “%(namespace)s” for rules of %(host)s: none of its clients runs there."),
        _("Move the DestinationRule to “%(service)s”, where the service is."),
    ),
    "MP0206": (
        _("For clients in “%(namespace)s” this DestinationRule hides %(names)s whole, subsets included."),
        _("Keep both in step, or leave only the one beside the service."),
    ),
    "MP0209": (
        _("Port %(port)s has settings of its own, so these from above do not hold for it: %(fields)s."),
        _("Repeat them below the port if they are meant to hold there."),
    ),
    "MP0260:all": (
        _("Every endpoint may be ejected at once: then nothing serves the host, or all of it again."),
        _("Set maxEjectionPercent to 50 or less."),
    ),
    "MP0260:few": (
        _("The host has only %(endpoints)s pods, and more than half of them may be ejected."),
        _("Set maxEjectionPercent to 50 or less, or run more pods."),
    ),
    "MP0268": (
        _("At most %(percent)s %% of %(endpoints)s pods may be ejected: less than one, so none ever is."),
        _("Set maxEjectionPercent to %(least)s or more, or run more pods."),
    ),
    "MP0261": (
        _("These limits hold for each client's proxy alone: all clients together may reach a multiple of them."),
        _("Divide what the service can bear by the number of its clients' pods."),
    ),
    "IST0138": (
        _("%(names)s serve the same certificate through the same proxies: browsers that keep a connection may get 404."),
        _("Use one Gateway for all hosts of the certificate."),
    ),
    "IST0145": (
        _("%(names)s claim a host of this server on port %(port)s through the same proxies: one of them is ignored."),
        _("Let one Gateway have the host, or use other hosts."),
    ),
    "KIA0301": (
        _("Hosts of this server overlap with those of %(names)s on port %(port)s."),
        _("Check which Gateway each VirtualService is meant for; narrow the wildcard if you can."),
    ),
    "KIA0302": (
        _("No pod in the mesh has the labels of the selector: %(selector)s."),
        _("Correct the selector to the labels of the gateway's pods, such as istio=ingressgateway."),
    ),
    "KIA1108": (_("“%(name)s” is the old form of a Gateway's name."), _("Write %(better)s.")),
    "MP0250": (_("%(old)s is deprecated."), _("Use %(new)s instead.")),
    "MP0252": (
        _("The abort names no status, so nothing is aborted."),
        _("Set httpStatus or grpcStatus, or remove the abort."),
    ),
    "MP0267": (
        _("This fault names no percentage, so no request gets it."),
        _("Set the percentage, 100 for all requests."),
    ),
    "MP0253": (
        _("The direct response has %(size)s bytes, and every proxy of the gateway or mesh gets them."),
        _("Keep it below 100 KiB, or serve it from a service."),
    ),
    "MP0254:twice": (_("These cipher suites are listed twice: %(which)s."), _("Name each once.")),
    "MP0254:version": (
        _("%(which)s needs cipher suites that are off by default."),
        _("Allow TLS 1.2 and newer only, or list the cipher suites."),
    ),
    "MP0255": (
        _("httpsRedirect has no effect on a server for %(protocol)s."),
        _("Set it on the HTTP server, whose requests are to be redirected."),
    ),
    "MP0256": (
        _("Nothing fails over without outlier detection: no endpoint is ever found unhealthy."),
        _("Add outlierDetection beside loadBalancer."),
    ),
    "MP0257": (
        _("TLS is passed through here, so these are ignored: %(fields)s."),
        _("Remove them, or let the gateway end TLS with mode SIMPLE."),
    ),
}
