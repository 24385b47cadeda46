"""What is remarkable about the objects of a mesh: one small function a rule, one table of codes, no I/O."""

from __future__ import annotations

from meshportal.mesh.rules.engine import analyse, analyse_plan, concerning

__all__ = ["analyse", "analyse_plan", "concerning"]
