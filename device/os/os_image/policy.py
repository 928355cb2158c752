"""The signed PCR policy: in which measured states a device may open its data partition."""
import pathlib
import tempfile

from os_image import measure, signing
from os_image.tools import BuildError, run


def signature(programs, keys, parts):
    """Bytes of the .pcrsig section: PCR 7 and PCR 11 as they are when the monitor unseals, signed."""
    tool = programs / "pavise-pcr-policy"
    if not tool.exists():
        raise BuildError(f"{tool} is missing. Next: tools/build-release.")
    values = {7: measure.secure_boot(keys), 11: measure.image_parts(parts)}
    states = [f"{pcr}={measure.replay(events).hex()}" for pcr, events in values.items()]

    def sign():
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "policy"
            words = [word for state in states for word in ("--pcr", state)]
            run(tool, "--key", keys.private("pcr-policy"), *words, "--out", out)
            return out.read_bytes()

    store = signing.SignatureStore(keys.signatures)
    public = keys.public("pcr-policy").read_bytes()
    return store.signature("pcr-policy", public + " ".join(states).encode(), sign)
