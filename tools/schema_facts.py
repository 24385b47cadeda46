"""Write meshportal/sandbox/api/schema_facts.json: the schemas of Istio's CRDs without their prose.

    python tools/schema_facts.py            # the CRDs of the Istio module below, through `go mod download`
    python tools/schema_facts.py CRDS.yaml  # or any file of CRDs, for instance of another Istio release

The sandbox judges objects by these facts as a real API server does by the CRDs: types, enums, ranges, patterns, required
and unknown fields, oneOf, and CEL rules. Istio's licence is Apache-2.0.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

MODULE = "istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad"  # Istio 1.31
CRDS = "manifests/charts/base/files/crd-all.gen.yaml"
OUTPUT = Path(__file__).resolve().parent.parent / "meshportal" / "sandbox" / "api" / "schema_facts.json"
PROSE = frozenset({"description", "example", "title"})


def crd_file() -> Path:
    done = subprocess.run(["go", "mod", "download", "-json", MODULE], check=True, capture_output=True, text=True)
    return Path(json.loads(done.stdout)["Dir"]) / CRDS


def without_prose(schema: Any) -> Any:
    """A schema without what only people read. A property that is called "description" stays."""
    if isinstance(schema, list):
        return [without_prose(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for name, part in schema.items():
        if name == "properties":
            kept[name] = {field: without_prose(inner) for field, inner in part.items()}
        elif name not in PROSE:
            kept[name] = without_prose(part)
    return kept


def facts(text: str) -> dict[str, Any]:
    """plural.group → the names of the kind and the schema of every served version; equal schemas are stored once."""
    found: dict[str, Any] = {}
    for crd in yaml.safe_load_all(text):
        if not crd:
            continue
        spec = crd["spec"]
        schemas: list[Any] = []
        versions = {}
        for version in spec["versions"]:
            schema = without_prose(version["schema"]["openAPIV3Schema"])
            if schema not in schemas:
                schemas.append(schema)
            versions[version["name"]] = {
                "schema": schemas.index(schema),
                "storage": version["storage"],
                "columns": version.get("additionalPrinterColumns", []),
            }
        found[crd["metadata"]["name"]] = {
            "names": spec["names"],
            "labels": crd["metadata"].get("labels", {}),
            "versions": versions,
            "schemas": schemas,
        }
    return found


def main() -> int:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else crd_file()
    OUTPUT.write_text(json.dumps(facts(source.read_text()), separators=(",", ":"), sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
