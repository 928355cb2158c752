"""Development keys, made at first use. A product keeps its keys on tokens and gives the certificates only."""
import os
import pathlib

from os_image.tools import BuildError, run

# Firmware checks Secure Boot certificates with RSA-2048 everywhere; ours live as long as the hardware.
SECURE_BOOT = {"PK": "platform key", "KEK": "key exchange key", "db": "signature database"}
SIGNERS = ("release", "pcr-policy")  # ECDSA P-256
CERTIFICATE_DAYS = 7300


class Keys:
    """Paths of the keys under one folder: <name>.key and, public, <name>.crt or <name>.pub.pem."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def private(self, name):
        return self.folder / f"{name}.key"

    def certificate(self, name):
        return self.folder / f"{name}.crt"

    def public(self, name):
        return self.folder / f"{name}.pub.pem"

    @property
    def signatures(self):
        return self.folder / "signatures"

    def all_paths(self):
        return ([self.private(n) for n in (*SECURE_BOOT, *SIGNERS)] + [self.certificate(n) for n in SECURE_BOOT]
                + [self.public(n) for n in SIGNERS])

    def require(self):
        missing = [path.name for path in self.all_paths() if not path.exists()]
        if missing:
            raise BuildError(f"{self.folder} lacks {', '.join(missing)}. Next: device/os/keys {self.folder}")


def make(folder):
    """Makes the keys that are missing; never replaces one. Returns the names of the new ones."""
    keys = Keys(folder)
    keys.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(keys.folder, 0o700)
    made = []
    old = os.umask(0o077)
    try:
        for name, purpose in SECURE_BOOT.items():
            if not keys.private(name).exists():
                run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes",
                    "-subj", f"/CN=Pavise development {purpose}", "-days", CERTIFICATE_DAYS,
                    "-keyout", keys.private(name), "-out", keys.certificate(name))
                made.append(name)
        for name in SIGNERS:
            if not keys.private(name).exists():
                run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-out", keys.private(name))
                run("openssl", "pkey", "-in", keys.private(name), "-pubout", "-out", keys.public(name))
                made.append(name)
    finally:
        os.umask(old)
    keys.require()
    return made
