"""What Istio refuses, in words: (sentence, remedy) by code, or by code and reason. Its own sentence comes later, placeless."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from meshportal.policies.finding_words import Words

REFUSALS: dict[str, Words] = {
    "MP0210": (
        _("“%(value)s” is no duration here."),
        _("Write a number with a unit, such as 300ms, 1.5s or 5m: whole milliseconds, at least one; whole seconds for maxAge."),
    ),
    "MP0211": (_("%(value)s is out of range."), _("Write a number from %(low)s to %(high)s.")),
    "MP0212": (_("%(one)s and %(other)s exclude each other."), _("Keep one of the two.")),
    "MP0213": (_("%(field)s is missing."), _("Set %(field)s.")),
    "MP0214": (_("The match is empty."), _("Write the text to match, or remove the match.")),
    "MP0215": (
        _("The regular expression has %(length)s bytes; Istio takes at most %(longest)s."),
        _("Shorten it, or split it into several matches."),
    ),
    "MP0216:syntax": (_("“%(regex)s” is no regular expression of RE2."), _("Check brackets, escapes and repetitions.")),
    "MP0216:count": (_("“%(regex)s” repeats more than 1000 times."), _("Use a smaller count, or + or *.")),
    "MP0216:lookaround": (
        _("“%(regex)s” looks ahead or behind, which RE2 cannot."),
        _("Match what you want instead of what you do not; withoutHeaders excludes headers."),
    ),
    "MP0216:backreference": (
        _("“%(regex)s” refers back to a group, which RE2 cannot."),
        _("Write out what may stand there."),
    ),
    "MP0216:condition": (_("“%(regex)s” has a condition, which RE2 cannot."), _("Split it into several matches.")),
    "MP0216:atomic": (_("“%(regex)s” has an atomic group, which RE2 cannot."), _("Use a plain group (?:…).")),
    "MP0216:comment": (_("“%(regex)s” has a comment, which RE2 cannot."), _("Take the comment out.")),
    "MP0216:possessive": (
        _("“%(regex)s” repeats a repetition, which RE2 cannot."),
        _("Use one of *, +, ? or {n}."),
    ),
    "MP0217:characters": (
        _("“%(name)s” cannot be the name of a header."),
        _("Use letters, digits, - and _, such as x-user."),
    ),
    "MP0217:empty": (_("A header has no name."), _("Write its name, or remove it.")),
    "MP0217:host": (
        _("“%(name)s” may not be changed here."),
        _("Set the authority of requests with rewrite.authority or headers.request.set."),
    ),
    "MP0217:colon": (
        _("“%(name)s” may not be changed: names that begin with a colon are HTTP's own."),
        _("Use rewrite for path and authority."),
    ),
    "MP0218": (
        _("“%(value)s” cannot be the value of header “%(name)s”."),
        _("Write %% as %%%%, close every %%NAME%%, and leave control characters out."),
    ),
    "MP0219": (_("All weights are 0, so nobody would answer."), _("Give at least one destination a weight.")),
    "MP0220": (
        _("“%(host)s” is no host, address or network that may stand here."),
        _("Write a domain name; a wildcard may only be its first part, and a Gateway wants full names."),
    ),
    "MP0221": (_("“%(host)s” and “%(other)s” are the same hosts, or one is within the other."), _("Keep one of them.")),
    "MP0222": (
        _("Host * is not allowed inside the mesh: it would take every request."),
        _("Name the hosts, or bind the VirtualService to a Gateway only."),
    ),
    "MP0223": (
        _("“%(name)s” cannot be a name here."),
        _("Use letters, digits and -, at most 63, beginning and ending with a letter or digit."),
    ),
    "MP0224": (
        _("%(field)s says how to retry, but there are no attempts."),
        _("Set attempts to 1 or more, or remove %(field)s."),
    ),
    "MP0225": (
        _("“%(reason)s” is no reason to retry that Istio knows."),
        _("Write status codes or these, with commas and without spaces: %(known)s."),
    ),
    "MP0226": (_("“%(value)s” is not known here."), _("Write one of: %(known)s.")),
    "MP0227": (_("Istio does not support %(field)s."), _("Remove it.")),
    "MP0228": (
        _("A VirtualService without hosts is a delegate of another one and may not have %(field)s."),
        _("Give it hosts, or remove %(field)s."),
    ),
    "MP0229": (
        _("“%(claim)s” of a token can only be matched at a gateway, and this VirtualService is for the mesh."),
        _("Bind the VirtualService to a Gateway only, or match a header."),
    ),
    "MP0230:twice": (_("“%(entry)s” is in exportTo twice."), _("Name each namespace once; a dot is this one.")),
    "MP0230:nobody": (_("exportTo may not be ~ here."), _("Write a dot for this namespace alone.")),
    "MP0230:name": (_("“%(entry)s” in exportTo is no namespace."), _("Write *, a dot, or names of namespaces.")),
    "MP0230:everybody": (_("exportTo has * beside namespaces."), _("Write * alone, or only the namespaces.")),
    "MP0230:selector": (
        _("A DestinationRule for chosen workloads may not leave its namespace, but exportTo says: %(entry)s."),
        _("Write a dot alone, or remove exportTo."),
    ),
    "MP0231": (_("There are two subsets “%(subset)s”."), _("Give one of them another name.")),
    "MP0232": (
        _("consecutiveLocalOriginFailures does nothing unless local and remote failures are counted apart."),
        _("Set splitExternalLocalOriginErrors to true, or remove the number."),
    ),
    "MP0233": (_("The block is empty."), _("Set at least one of %(fields)s, or remove it.")),
    "MP0234": (
        _("The size of a Maglev table must be a prime number below %(below)s; %(value)s is not."),
        _("Use 65537, or leave it out."),
    ),
    "MP0235": (_("The weights of the localities add up to %(sum)s."), _("Make them add up to 100.")),
    "MP0236:topology": (
        _("failoverPriority may not name “%(entry)s” here: regions and zones are ordered already."),
        _("Remove it."),
    ),
    "MP0236:failover-topology": (
        _("failover and “%(entry)s” in failoverPriority contradict each other."),
        _("Keep one of the two."),
    ),
    "MP0236:twice": (_("“%(entry)s” is there twice."), _("Name it once.")),
    "MP0236:locality": (
        _("“%(entry)s” is no locality."),
        _("Write region, region/zone or region/zone/subzone; a * only at the end."),
    ),
    "MP0236:overlap": (_("“%(entry)s” overlaps with a locality before it."), _("Let no locality lie within another.")),
    "MP0236:same-region": (_("Failover from and to “%(entry)s” is the same region."), _("Name another region.")),
    "MP0236:region-only": (_("Failover is between whole regions: %(entry)s."), _("Write the regions alone.")),
    "MP0237": (
        _("%(field)s may not be set in mode %(mode)s because of %(because)s."),
        _("Remove %(field)s, or choose another mode."),
    ),
    "MP0238": (_("Two servers have a port named “%(name)s”."), _("Give every server's port a name of its own.")),
    "MP0239:missing": (_("A server for %(protocol)s needs tls."), _("Set tls with a mode and a certificate.")),
    "MP0239:plain": (
        _("A server for %(protocol)s is plain text: tls may only hold httpsRedirect."),
        _("Remove the other TLS fields, or make the protocol HTTPS."),
    ),
    "MP0239:other": (_("A server for %(protocol)s may not have tls."), _("Remove tls, or make the protocol TLS.")),
    "MP0241": (
        _("SNI host “%(sni)s” is not among the VirtualService's hosts: %(hosts)s."),
        _("Add it to hosts, or correct it."),
    ),
    "MP0242": (
        _("“%(label)s” is no label that Kubernetes takes."),
        _("Use letters, digits, -, _ and ., at most 63, beginning and ending with a letter or digit; no wildcards."),
    ),
    "MP0243": (_("The direct response has %(size)s bytes; Istio takes 1 MiB at most."), _("Serve it from a service.")),
    "MP0244": (
        _("The authority is set more than once; here to “%(value)s”."),
        _("Set it in one place: rewrite.authority, or one header."),
    ),
}
