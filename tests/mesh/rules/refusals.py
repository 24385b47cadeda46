"""All that istiod refuses or takes with a warning, beside the nearest objects that it takes: (code, where, broken, mended)."""

from __future__ import annotations

from tests.mesh.rules.refused_policies import DESTINATIONS, GATEWAYS
from tests.mesh.rules.refused_routes import ROUTES, Case

__all__ = ["REFUSED", "Case"]

REFUSED: list[Case] = [*ROUTES, *DESTINATIONS, *GATEWAYS]
