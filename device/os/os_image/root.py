"""The root file system: our programs, the shared libraries they need, a few lines of configuration; nothing else."""
import hashlib
import pathlib
import re
import shutil
import uuid

from os_image.tools import EPOCH, BuildError, run, write_if_changed

PROGRAMS = {"pavise-init": "sbin/pavise-init", "pavise-monitor": "usr/bin/pavise-monitor",
            "pavise-agent": "usr/bin/pavise-agent"}
# Only in images that may have apps.
APP_PROGRAMS = {"pavise-apps": "usr/bin/pavise-apps", "pavise-names": "usr/bin/pavise-names"}
APP_OWNER_KEYS, APP_TENANT, APP_FOLDER = "etc/pavise/app-owner.pem", "etc/pavise/app-tenant", "usr/lib/pavise/apps"
FOLDERS = ("dev", "proc", "sys", "run", "tmp", "data", "etc/pavise", "sbin", "usr/bin", "usr/lib/pavise")
NEEDED = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x", re.M)
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "os.pavise.internal")
VERITY_BLOCK = 4096
LIBRARY_FOLDER = "lib/x86_64-linux-gnu"


def libraries(program):
    """Shared objects that the loader would map for this program, the loader included."""
    return [pathlib.Path(path) for path in NEEDED.findall(run("ldd", program).decode())]


def copy_stripped(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    run("strip", "--strip-unneeded", "-o", target, source)
    target.chmod(0o755)


def populate(tree, programs, files):
    """Fills the folder `tree`. programs: folder with our programs; files: {path: bytes} of configuration."""
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True, exist_ok=True)
    needed = set()
    wanted = PROGRAMS | (APP_PROGRAMS if APP_OWNER_KEYS in files else {})
    for name, place in wanted.items():
        source = programs / name
        if not source.exists():
            raise BuildError(f"{source} is missing. Next: tools/build-release.")
        copy_stripped(source, tree / place)
        needed.update(libraries(source))
    for library in sorted(needed):
        loader = library.name.startswith("ld-linux")
        copy_stripped(library.resolve(), tree / ("lib64" if loader else LIBRARY_FOLDER) / library.name)
    for path, data in files.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_if_changed(target, data)
        target.chmod(0o644)
    # The kernel's DHCP client publishes the name server there.
    (tree / "etc/resolv.conf").symlink_to("/proc/net/pnp")


def configuration(service, service_ca, policy_public, version, interval_s):
    host, port, name = service
    device = {"service_host": host, "service_port": port, "service_name": name, "telemetry_interval_s": interval_s}
    release = {"NAME": "Pavise", "ID": "pavise", "VERSION_ID": version, "PRETTY_NAME": f"Pavise {version}"}
    return {
        "etc/os-release": "".join(f'{key}="{value}"\n' for key, value in release.items()).encode(),
        "etc/pavise/device.conf": "".join(f"{key}={value}\n" for key, value in device.items()).encode(),
        "etc/pavise/service-ca.pem": pathlib.Path(service_ca).read_bytes(),
        "etc/pavise/pcr-policy.pem": pathlib.Path(policy_public).read_bytes(),
        "etc/hosts": b"127.0.0.1 localhost\n",
        "etc/nsswitch.conf": b"hosts: files dns\n",
    }


def app_files(apps, owner_keys, tenant):
    """What an image with apps has besides: the owner's keys and name, and packages, which devices judge themselves."""
    files = {APP_OWNER_KEYS: b"".join(pathlib.Path(key).read_bytes() for key in owner_keys),
             APP_TENANT: f"{tenant}\n".encode()}
    for app in apps:
        path = f"{APP_FOLDER}/{app.name}"
        if path in files:
            raise BuildError(f"two packages have the file name {app.name}. Next: rename one of them.")
        files[path] = app.read_bytes()
    return files


def tree_digest(tree):
    """One digest over names, modes and contents: the root's identity before it is packed."""
    digest = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        digest.update(f"{path.relative_to(tree)}\0{path.lstat().st_mode:o}\0".encode())
        if path.is_symlink():
            digest.update(str(path.readlink()).encode())
        elif path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


class Root:
    """The packed root: `image` (EROFS), `hashes` (verity superblock and tree), `root_hash` (hex)."""

    def __init__(self, work, programs, files):
        tree = work / "root"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(mode=0o755)
        populate(tree, programs, files)
        identity = tree_digest(tree)
        self.image, self.hashes = work / "root.erofs", work / "root.verity"
        self.image.unlink(missing_ok=True)
        run("mkfs.erofs", "-zlz4hc,12", "-C65536", "-x-1", f"-T{EPOCH}", "--all-root",
            "-U", uuid.uuid5(NAMESPACE, identity.hex()), self.image, tree)
        pad_to(self.image, VERITY_BLOCK)
        self.hashes.write_bytes(b"")
        # The salt follows from the content: it needs to be no secret, only no constant.
        salt = hashlib.sha256(b"pavise-verity" + identity).hexdigest()
        run("veritysetup", "format", self.image, self.hashes, f"--salt={salt}", "--hash=sha256",
            f"--uuid={uuid.uuid5(NAMESPACE, 'verity' + identity.hex())}",
            f"--root-hash-file={work / 'root.hash'}")
        self.root_hash = (work / "root.hash").read_text(encoding="ascii").strip()
        self.files = sorted(str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file())


def pad_to(path, unit):
    data = path.read_bytes()
    if len(data) % unit:
        path.write_bytes(data + bytes(unit - len(data) % unit))
