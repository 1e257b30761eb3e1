#!/usr/bin/env python3
"""docs/spec.schema.json with a real validator: it takes every good native document, and refuses
every bad one whose mistake is in one value."""

import json
import pathlib
import re
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "model" / "spec" / "testdata"

# Mistakes that show only beside other values: the program's own check finds them.
BEYOND_THE_SCHEMA = {
    "batch_range", "batches", "circle", "command_halving", "front", "grid", "grid_too_large",
    "halving", "halving_least", "normals", "points", "twice", "words",
}


class Loader(yaml.SafeLoader):
    """YAML 1.2's numbers: 1e-4 is one, and yes is a word."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool",
                             re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float",
                             re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"),
                             list("-+0123456789."))


def load(path):
    return yaml.load(path.read_text(), Loader)


def main():
    schema = json.loads((ROOT / "docs" / "spec.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    good = sorted(TESTDATA.glob("corpus/*/*.golden")) + sorted(
        (ROOT / "configs" / "jobs").glob("*.yaml"))
    assert len(good) >= 40, f"only {len(good)} good documents were found"
    for path in good:
        problems = [error.message for error in validator.iter_errors(load(path))]
        assert not problems, f"{path} is good, and the schema says: {problems}"

    refused = 0
    for path in sorted(TESTDATA.glob("bad/native/*.yaml")):
        if path.stem in BEYOND_THE_SCHEMA:
            continue
        assert not validator.is_valid(load(path)), f"{path} is bad, and the schema takes it"
        refused += 1
    assert refused >= 12, f"only {refused} bad documents were found"

    print(f"the schema takes {len(good)} good documents and refuses {refused} bad ones")
    return 0


if __name__ == "__main__":
    sys.exit(main())
