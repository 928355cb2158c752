"""The build command: options, order of the steps, what is written where."""
import argparse
import hashlib
import json
import pathlib
import re
import shutil
import sys
import tempfile

from os_image import data_template, disk, hardware, kernel, policy, release, root, uki, variables
from os_image.keys import Keys
from os_image.tools import BuildError, run, step, write_if_changed

SERVICE = re.compile(r"([A-Za-z0-9.-]{1,253}):(\d{1,5})(?::([A-Za-z0-9.-]{1,253}))?\Z")
VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}(-[a-z0-9.]{1,20})?\Z")


def parse(words):
    parser = argparse.ArgumentParser(prog="device/os/build", description=__doc__)
    need = {"required": True, "metavar": "DIR", "type": pathlib.Path}
    parser.add_argument("--out", help="folder for the results; made if missing", **need)
    parser.add_argument("--keys", help="signing keys, made by device/os/keys", **need)
    parser.add_argument("--programs", help="folder with pavise-boot, -init, -monitor, -agent, -pcr-policy", **need)
    parser.add_argument("--service-ca", help="trust anchor of the service, PEM", required=True, metavar="FILE",
                        type=pathlib.Path)
    parser.add_argument("--service", required=True, metavar="HOST:PORT[:NAME]",
                        help="where devices find the service, and the name in its certificate")
    parser.add_argument("--version", default="0.1.0", metavar="V")
    parser.add_argument("--epoch", type=int, default=1, metavar="N",
                        help="security epoch: raise it to lock older releases out of the data partition")
    parser.add_argument("--telemetry-interval", type=int, default=10, metavar="SECONDS")
    parser.add_argument("--platform", action="append", default=[], metavar="FILE", type=pathlib.Path,
                        help="profile of a platform's firmware (PCR 0 and 2), JSON; may be repeated")
    parser.add_argument("--app", action="append", default=[], metavar="FILE", type=pathlib.Path,
                        help="package of an app (.pvimage, made by pavise app build); may be repeated")
    parser.add_argument("--app-owner-key", action="append", default=[], metavar="PEM", type=pathlib.Path,
                        help="public key that signs apps for these devices; may be repeated; without one there are no apps")
    parser.add_argument("--app-tenant", metavar="NAME", help="the owner of the devices, as packages name it")
    parser.add_argument("--app-name-server", metavar="A.B.C.D[:PORT]",
                        help="whom to ask for the names that apps list; what the network says, if absent")
    parser.add_argument("--hardware", metavar="FILE", type=pathlib.Path,
                        help="hardware definition: the peripherals that apps may be granted, by name")
    options = parser.parse_args(words)
    if options.app and not options.app_owner_key:
        parser.error("--app needs --app-owner-key: devices run what its owner signed")
    if bool(options.app_owner_key) != bool(options.app_tenant):
        parser.error("--app-owner-key and --app-tenant belong together")
    if options.hardware and not options.app_owner_key:
        parser.error("--hardware needs --app-owner-key: only apps use it")
    match = SERVICE.match(options.service)
    if not match or not 0 < int(match.group(2)) < 65536:
        parser.error(f"--service {options.service!r} is not HOST:PORT or HOST:PORT:NAME")
    options.service = (match.group(1), int(match.group(2)), match.group(3) or match.group(1))
    if not VERSION.match(options.version):
        parser.error(f"--version {options.version!r} is not like 1.2.3")
    if not 1 <= options.epoch <= 1_000_000:
        parser.error("--epoch must be from 1 to 1000000")
    if not 1 <= options.telemetry_interval <= 86400:
        parser.error("--telemetry-interval must be from 1 to 86400 seconds")
    return options


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def build(options, work):
    keys = Keys(options.keys)
    keys.require()
    kernel_path = kernel.kernel()
    with step("packing the root file system"):
        files = root.configuration(options.service, options.service_ca, keys.public("pcr-policy"), options.version,
                                   options.telemetry_interval)
        if options.app_owner_key:
            files |= root.app_files(options.app, options.app_owner_key, options.app_tenant,
                                    options.app_name_server)
        if options.hardware:
            files[hardware.PLACE] = hardware.read(options.hardware, "/dev/" + uki.CONSOLE)
        files["usr/lib/pavise/data.template"] = data_template.template(work)
        packed = root.Root(work, options.programs, files)
    boot_program = work / "init"
    run("strip", "-o", boot_program, options.programs / "pavise-boot")
    parts = uki.sections(kernel_path.read_bytes(), boot_program.read_bytes(), files["etc/os-release"],
                         packed.root_hash, options.epoch)
    with step("signing"):
        signed_policy = policy.signature(options.programs, keys, parts)
        image = uki.assemble(parts, signed_policy, keys.private("db"), keys.certificate("db"))
    with step("writing the disk image"):
        write_results(options, work, keys, packed, parts, image)


def write_results(options, work, keys, packed, parts, image):
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    efi = out / "pavise.efi"
    write_if_changed(efi, bytes(image.data))
    esp = work / "esp"
    disk.esp(esp, efi)
    disk.write_disk(out / "disk.img", {"esp": esp, "root": packed.image, "root-verity": packed.hashes})
    write_if_changed(out / "OVMF_VARS.fd", variables.enrolled_store(keys))
    manifest = release.manifest(options, keys, packed, parts, image)
    write_if_changed(out / "release.json", manifest)
    write_if_changed(out / "release.sig", release.sign(keys, manifest))
    shutil.copyfile(keys.public("release"), out / "release.pub.pem")
    sizes = {"kernel_bytes": len(parts[".linux"]), "initrd_bytes": len(parts[".initrd"]),
             "uki_bytes": len(image.data), "root_bytes": packed.image.stat().st_size,
             "verity_bytes": packed.hashes.stat().st_size}
    report = {"version": options.version, "security_epoch": options.epoch, "root_hash": packed.root_hash,
              "release_sha256": sha256(manifest), **sizes, "root_files": packed.files,
              "flashed_bytes": sizes["uki_bytes"] + sizes["root_bytes"] + sizes["verity_bytes"]}
    write_if_changed(out / "image.json", json.dumps(report, indent=2).encode() + b"\n")
    print(f"{out}/disk.img: {report['flashed_bytes'] / 2**20:.2f} MiB flashed "
          f"(UKI {sizes['uki_bytes'] / 2**20:.2f}, root {sizes['root_bytes'] / 2**20:.2f}, "
          f"hash tree {sizes['verity_bytes'] / 2**20:.2f}), root hash {packed.root_hash[:16]}")


def main(words):
    options = parse(words)
    try:
        with tempfile.TemporaryDirectory(prefix="pavise-image-") as work:
            build(options, pathlib.Path(work))
    except (BuildError, OSError) as error:
        print(f"device/os/build: {error}", file=sys.stderr)
        return 1
    return 0
