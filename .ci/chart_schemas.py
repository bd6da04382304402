"""JSON schemas for kubeconform, from what Kubernetes, KEDA and the Prometheus operator publish as Go modules.

python .ci/chart_schemas.py OUT KUBERNETES DEFINITIONS...: the folder of the module k8s.io/kubernetes (its OpenAPI
document), and folders of definitions of resources. Strict: a field that nobody knows is an error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

EITHER = {"oneOf": [{"type": "string"}, {"type": "number"}]}
# YAML 1.1 reads a bare "=", which an operator of the Prometheus operator is, as something of its own
yaml.CSafeLoader.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: node.value)
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def main() -> None:
    """See the module."""
    out, kubernetes, *folders = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    document = json.loads((kubernetes / "api/openapi-spec/swagger.json").read_text())
    definitions = {name: tightened(each) for name, each in document["definitions"].items()}
    definitions[QUANTITY] = EITHER
    for name, each in document["definitions"].items():
        for known in each.get("x-kubernetes-group-version-kind", []):
            write(out, known["group"], known["version"], known["kind"],
                  {"$ref": f"#/definitions/{name}", "definitions": needed(definitions, name)})  # fmt: skip
    for path in sorted(path for folder in folders for path in folder.glob("*.yaml")):
        spec = yaml.load(path.read_text(), yaml.CSafeLoader)["spec"]
        for version in spec["versions"]:
            schema = tightened(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            write(out, spec["group"], version["name"], spec["names"]["kind"], schema)


def write(out: Path, group: str, version: str, kind: str, schema: dict[str, Any]) -> None:
    """As `-schema-location OUT/{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json` finds it."""
    (out / f"{group or version}_{version}_{kind.lower()}.json").write_text(json.dumps(schema))


def needed(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """Of the definitions those that this one refers to, itself among them."""
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found[each] = definitions[each]
            waiting += references(definitions[each])
    return found


def references(schema: Any) -> list[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(schema, list):
        return [name for each in schema for name in references(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].rpartition("/")[2]] if isinstance(schema.get("$ref"), str) else []
    return own + [name for each in schema.values() for name in references(each)]


def tightened(schema: Any) -> Any:
    """The same, with no fields besides those it names, and numbers where Kubernetes takes numbers for texts."""
    if isinstance(schema, list):
        return [tightened(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return EITHER
    made = {key: tightened(value) for key, value in schema.items()}
    free = made.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(made.get("properties"), dict) and "additionalProperties" not in made and not free:
        made["additionalProperties"] = False
    return made


if __name__ == "__main__":
    main()
