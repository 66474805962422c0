#!/usr/bin/env python3
"""Writes a software bill of materials for each build of the crate, in CycloneDX 1.6 and in SPDX 2.3.

What Cargo.toml and Cargo.lock say is all it reads, by `cargo metadata`; so the same commit has the same files. The builds are
the default features, none, each role alone, everything without native-tls, and everything. Packages of all systems are
listed: which of them a system builds is decided by Cargo there.

usage: tests/dossier/sbom.py OUT [PACKAGE]  writes OUT/BUILD.cdx.json and OUT/BUILD.spdx.json for each build, with the SHA-256 of
                                            the package of the crate, NAME.crate, if there is one
       tests/dossier/sbom.py --builds       the builds and their features
       tests/dossier/sbom.py --check OUT    validates the files by the official schemas; needs the packages of PyPI
                                            cyclonedx-python-lib[json-validation] and spdx-tools

Needs Python 3.8 and Cargo; --check needs the two packages as well.
"""

import datetime
import hashlib
import json
import os
import subprocess
import sys
import uuid

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
# Only a name: nothing is published there, but identifiers of documents have to be URIs.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "stdws")


def cargo_metadata(features):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--no-default-features"]
    return json.loads(subprocess.check_output(command + ["--features", ",".join(features)], cwd=ROOT))


def checksums():
    """The SHA-256 of each package, as Cargo.lock has them."""
    found, name, version = {}, None, None
    for line in open(os.path.join(ROOT, "Cargo.lock"), encoding="utf-8"):
        key, _, value = line.strip().partition(" = ")
        if key == "name":
            name = value.strip('"')
        elif key == "version":
            version = value.strip('"')
        elif key == "checksum":
            found[name, version] = value.strip('"')
    return found


def commit_time():
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.check_output(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True)
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def builds():
    (package,) = json.loads(subprocess.check_output(
        ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"], cwd=ROOT))["packages"]
    features = package["features"]
    everything = sorted(name for name in features if name != "default")
    return {
        "default": sorted(features["default"]),
        "no-feature": [],
        "client": ["client"],
        "server": ["server"],
        "without-native-tls": [name for name in everything if name != "native-tls"],
        "everything": everything,
    }


class Build:
    """The packages of one build, the crate first, and what each depends on."""

    def __init__(self, features):
        metadata = cargo_metadata(features)
        nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
        packages = {package["id"]: package for package in metadata["packages"]}
        self.root = metadata["resolve"]["root"]
        self.needs, open_ids = {}, [self.root]
        while open_ids:
            package = open_ids.pop()
            if package not in self.needs:
                self.needs[package] = sorted(
                    dep["pkg"] for dep in nodes[package]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]))
                open_ids += self.needs[package]
        order = sorted(self.needs, key=lambda one: (one != self.root, packages[one]["name"], packages[one]["version"]))
        self.packages = {one: packages[one] for one in order}


def license_of(package):
    # Cargo once wrote "MIT/Apache-2.0" for a choice.
    return (package["license"] or "NOASSERTION").replace("/", " OR ")


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def cyclonedx(name, features, build, sums, time):
    def component(package):
        it = {
            "type": "library",
            "bom-ref": purl(package),
            "name": package["name"],
            "version": package["version"],
            "description": " ".join((package["description"] or "").split()),
            "licenses": [{"expression": license_of(package)}],
            "purl": purl(package),
        }
        checksum = sums.get((package["name"], package["version"]))
        if checksum:
            it["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        if package["repository"]:
            it["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        return it

    (root, *others) = build.packages.values()
    main = component(root)
    main["properties"] = [{"name": "cargo:feature", "value": feature} for feature in features]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{purl(root)} {name} {time}')}",
        "version": 1,
        "metadata": {
            "timestamp": time,
            # The program has no version of its own: it is that of the crate.
            "tools": {"components": [{
                "type": "application", "name": f"{root['name']}-sbom", "version": root["version"],
                "description": "tests/dossier/sbom.py"}]},
            "component": main,
        },
        "components": [component(package) for package in others],
        "dependencies": [
            {"ref": purl(package), "dependsOn": [purl(build.packages[need]) for need in build.needs[one]]}
            for one, package in build.packages.items()
        ],
    }


def spdx(name, features, build, sums, time):
    def reference(package):
        return "SPDXRef-" + "".join(c if c.isalnum() or c in ".-" else "-" for c in f"{package['name']}-{package['version']}")

    def entry(package):
        it = {
            "SPDXID": reference(package),
            "name": package["name"],
            "versionInfo": package["version"],
            # Cargo knows authors at most, and they need not be who supplies the package.
            "supplier": "NOASSERTION",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": license_of(package),
            "copyrightText": "NOASSERTION",
            "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl(package)}],
        }
        checksum = sums.get((package["name"], package["version"]))
        if checksum:
            it["checksums"] = [{"algorithm": "SHA256", "checksumValue": checksum}]
        if package["source"]:
            it["downloadLocation"] = (
                f"https://static.crates.io/crates/{package['name']}/{package['name']}-{package['version']}.crate")
        return it

    root = build.packages[build.root]
    entries = [entry(package) for package in build.packages.values()]
    entries[0]["comment"] = "Features: " + (", ".join(features) or "none")
    relations = [{
        "spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": reference(root)}]
    relations += [
        {"spdxElementId": reference(package), "relationshipType": "DEPENDS_ON",
         "relatedSpdxElement": reference(build.packages[need])}
        for one, package in build.packages.items() for need in build.needs[one]]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{root['name']}-{root['version']}-{name}",
        "documentNamespace": f"urn:uuid:{uuid.uuid5(NAMESPACE, f'spdx {purl(root)} {name} {time}')}",
        "creationInfo": {"created": time, "creators": [f"Tool: {root['name']}-sbom-{root['version']}"]},
        "packages": entries,
        "relationships": relations,
    }


def write(out, package):
    os.makedirs(out, exist_ok=True)
    sums, time = checksums(), commit_time()
    for name, features in builds().items():
        build = Build(features)
        if package:
            root = build.packages[build.root]
            with open(package, "rb") as file:
                sums[root["name"], root["version"]] = hashlib.sha256(file.read()).hexdigest()
        for kind, made in (("cdx", cyclonedx), ("spdx", spdx)):
            with open(os.path.join(out, f"{name}.{kind}.json"), "w", encoding="utf-8") as file:
                json.dump(made(name, features, build, sums, time), file, indent=1, sort_keys=True)
                file.write("\n")
        print(f"{name}: {len(build.packages)} packages")


def check(out):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from spdx_tools.spdx.parser.error import SPDXParsingError
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    faults = []
    for name in builds():
        path = os.path.join(out, f"{name}.cdx.json")
        error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path, encoding="utf-8").read())
        faults += [f"{path}: {error}"] if error else []
        path = os.path.join(out, f"{name}.spdx.json")
        try:
            messages = [message.validation_message for message in validate_full_spdx_document(parse_file(path))]
        except SPDXParsingError as error:
            messages = error.get_messages()
        faults += [f"{path}: {message}" for message in messages]
    print(*(faults or [f"{len(builds()) * 2} files are valid"]), sep="\n")
    return 1 if faults else 0


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--check":
        return check(arguments[1])
    if arguments == ["--builds"]:
        for name, features in builds().items():
            print(name, ",".join(features), sep="\t")
        return 0
    if len(arguments) not in (1, 2) or arguments[0].startswith("-"):
        print(__doc__.split("\n\n")[2], file=sys.stderr)
        return 2
    return write(*arguments, *[None] * (2 - len(arguments))) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
