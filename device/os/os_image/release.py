"""The reference values of a release, out of the build itself: what a device must report to be believed."""
import hashlib
import json
import pathlib

from os_image import measure, signing, uki
from os_image.tools import BuildError, run

CREATED = "2026-01-01T00:00:00Z"


def digest_json(pcr, digest):
    return {"pcr": pcr, "digest": digest.hex()}


def platform(path):
    """A platform profile: {"name": ..., "pcrs": [{"pcr": 0, "digest": hex}, {"pcr": 2, "digest": hex}]}."""
    try:
        profile = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        pcrs = {entry["pcr"]: bytes.fromhex(entry["digest"]) for entry in profile["pcrs"]}
        name = str(profile["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{path} is not a platform profile ({error}). Next: make one with sim/vdev profile.") from error
    if set(pcrs) != {0, 2} or any(len(value) != 32 for value in pcrs.values()):
        raise BuildError(f"{path} must give PCR 0 and PCR 2, SHA-256. Next: make one with sim/vdev profile.")
    return {"name": name, "pcrs": [digest_json(pcr, value) for pcr, value in sorted(pcrs.items())]}


def manifest(options, keys, packed, parts, image):
    """The bytes of release.json."""
    events = {4: measure.boot_programs(image), 7: measure.secure_boot(keys),
              11: measure.image_parts(parts) + measure.data_opened()}
    # The closing event is the monitor's: it is in the PCR, and listed as a run-time event instead.
    from_firmware = {**events, 11: measure.image_parts(parts)}
    components = [("root file system", packed.root_hash)]
    components += [(measure.COMPONENTS[name], hashlib.sha256(parts[name]).hexdigest()) for name in uki.MEASURED]
    value = {
        "profile": "pavise-release-1", "name": "pavise-os", "version": options.version,
        "security_epoch": options.epoch, "created": CREATED,
        "pcrs": [digest_json(pcr, measure.replay(list_)) for pcr, list_ in sorted(events.items())],
        "events": [{**digest_json(pcr, digest), "component": component, "name": name}
                   for pcr, list_ in sorted(from_firmware.items()) for digest, component, name in list_],
        "runtime": [{"pcr": 11, "text": measure.DATA_OPENED}],
        "platforms": [platform(path) for path in options.platform],
        "cmdline": parts[".cmdline"].decode(),
        "components": [{"name": name, "digest": digest} for name, digest in components],
    }
    return json.dumps(value, indent=1).encode() + b"\n"


def sign(keys, manifest_bytes):
    """DER ECDSA P-256 with SHA-256 over the exact bytes of the manifest."""
    store = signing.SignatureStore(keys.signatures)
    return store.signature("release", keys.public("release").read_bytes() + manifest_bytes,
                           lambda: signing.sign_digest(keys.private("release"), manifest_bytes))
