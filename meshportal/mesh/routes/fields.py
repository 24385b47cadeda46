"""The fields of the routes form: one shape for page, REST, reading and rendering."""

from __future__ import annotations

from meshportal.mesh.routes import checks
from meshportal.mesh.routes.shape import Group, Leaf, Rows

# a value's own rule depends on how it compares, so it is judged with its row (see combos.py)
CONDITION = Group({"name": Leaf(), "how": Leaf(checks.one_of([*checks.HOWS, checks.PRESENT])), "value": Leaf()})

MATCH = Group(
    {
        "path_how": Leaf(checks.one_of(checks.HOWS)),
        "path": Leaf(),
        "ignore_case": Leaf(
            checks.one_of(["true"]), lambda text: "true" if text.strip().lower() in {"on", "1"} else text.strip()
        ),
        "method_how": Leaf(checks.one_of(checks.HOWS)),
        "method": Leaf(),
        "headers": Rows(CONDITION),
        "query": Rows(CONDITION),
    }
)

DESTINATION = Group(
    {
        "host": Leaf(checks.host),
        "subset": Leaf(checks.subset),
        "port": Leaf(checks.whole(1, 65535)),
        "weight": Leaf(checks.whole(0, 100)),
    }
)

MIRROR = Group(
    {
        "host": Leaf(checks.host),
        "subset": Leaf(checks.subset),
        "port": Leaf(checks.whole(1, 65535)),
        "percent": Leaf(checks.percent),
    }
)

HEADER = Group(
    {
        "on": Leaf(checks.one_of(["request", "response"])),
        "do": Leaf(checks.one_of(["set", "add", "remove"])),
        "name": Leaf(),
        "value": Leaf(),
    }
)

ROUTE = Group(
    {
        "name": Leaf(checks.name),
        "match": Rows(MATCH),
        "destinations": Rows(DESTINATION),
        "rewrite": Group({"uri": Leaf(checks.absolute_path), "authority": Leaf(checks.authority)}),
        "redirect": Group(
            {
                "uri": Leaf(checks.redirect_path),
                "authority": Leaf(checks.authority),
                "code": Leaf(checks.one_of(checks.REDIRECT_CODES)),
            }
        ),
        "timeout": Leaf(checks.duration),
        "retries": Group(
            {
                "attempts": Leaf(checks.whole(0, 100)),
                "per_try_timeout": Leaf(checks.duration),
                "retry_on": Leaf(checks.retry_on, checks.tidy_retry_on),
            }
        ),
        "fault": Group(
            {
                "abort": Group({"status": Leaf(checks.whole(200, 599)), "percent": Leaf(checks.percent)}),
                "delay": Group({"duration": Leaf(checks.duration), "percent": Leaf(checks.percent)}),
            }
        ),
        "mirrors": Rows(MIRROR),
        "headers": Rows(HEADER),
    }
)

FORM = Group({"routes": Rows(ROUTE)})
