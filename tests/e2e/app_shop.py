"""Packages of apps for the end-to-end tests: an owner with a key, and one program that does what its arguments say."""
import json
import os
import pathlib
import uuid

from tests.e2e.workshop import PROGRAMS, ROOT, run

HOSTILE = pathlib.Path(os.environ.get("PAVISE_HOSTILE_APP",
                                      PROGRAMS.parent / "device/apps/compartment/hostile_app"))


def component(name):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.apps.invalid"))


class AppShop:
    def __init__(self, folder, tenant, key=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tenant = tenant
        self.key = key or self.folder / "owner.pem"
        self.public = pathlib.Path(f"{self.key}.pub")
        if not key:
            run(PROGRAMS / "pavise", "app", "key", "create", self.key)

    def build(self, name, *words, file=None, budgets=None, program=HOSTILE, **members):
        """The package of an app that does `words`. `members` of the manifest may be added or replaced."""
        source = self.folder / name
        source.mkdir(exist_ok=True)
        manifest = {"schema_version": 1, "name": name, "component_id": component(name), "version": "1.0.0",
                    "entry_point": "/bin/app", "arguments": [str(word) for word in words],
                    "budgets": {"memory_kib": 2048, "cpu_percent": 50, "processes": 4} | (budgets or {}),
                    "lifecycle": {"restart": "never"}} | members
        (source / "app_manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return self.pack(source, program, file)

    def pack(self, source, program, file=None, *options):
        package = self.folder / f"{file or source.name}.pvimage"
        run(PROGRAMS / "pavise", "app", "build", source, "--key", self.key, "--tenant", self.tenant,
            "--binary", program, "--out", package, *options)
        return package

    def build_template(self, name, template):
        """The package of a template of the SDK as it is, and its component's id."""
        folder = self.folder / name
        made = run(PROGRAMS / "pavise", "app", "new", name, "--template", template, "--tenant", self.tenant, "--out", folder,
                   "-o", "json")
        run(PROGRAMS / "pavise", "app", "build", folder, "--key", self.key, "--tenant", self.tenant)
        return folder / f"{name}.pvimage", json.loads(made.stdout)["component_id"]

    def build_sample(self, name):
        """The package of an app of samples/ that is this owner's."""
        source = self.folder / name
        source.mkdir(exist_ok=True)
        manifest = json.loads((ROOT / "samples" / name / "app_manifest.json").read_text(encoding="utf-8"))
        if "device_authentication" in manifest["capabilities"]:
            manifest["capabilities"]["device_authentication"] = self.tenant
        (source / "app_manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return self.pack(source, PROGRAMS.parent / "samples" / name / manifest["name"])
