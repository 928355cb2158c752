"""Signs boot programs and files. The boot signature is made here and not by sbsign, because sbsign writes the time
of signing into it: two builds must give the same bytes."""
import base64
import hashlib
import pathlib
import re

from os_image import der
from os_image.tools import BuildError, run

SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
SPC_INDIRECT_DATA = der.oid("1.3.6.1.4.1.311.2.1.4")
SPC_PE_IMAGE = der.oid("1.3.6.1.4.1.311.2.1.15")
CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.NULL)
RSA = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL)
# SpcPeImageData: no flags, file = "<<<Obsolete>>>" as every signer writes it.
PE_IMAGE_DATA = der.sequence(der.tlv(0x03, b"\0"), der.tlv(0xA0, der.tlv(0xA2, der.tlv(
    0x80, "<<<Obsolete>>>".encode("utf-16-be")))))


def certificate_der(path):
    match = re.search(r"-----BEGIN CERTIFICATE-----(.+?)-----END", pathlib.Path(path).read_text(encoding="ascii"), re.S)
    if not match:
        raise BuildError(f"{path} holds no certificate. Next: make new keys with device/os/keys.")
    return base64.b64decode(match.group(1))


def sign_digest(key, data):
    """RSA PKCS#1 v1.5 or ECDSA with SHA-256 over `data`, by OpenSSL; the key may be on a token."""
    return run("openssl", "dgst", "-sha256", "-sign", key, input=data)


def authenticode(image, key, certificate):
    """Signs a pe.Image in place (PKCS#7 SignedData over SpcIndirectDataContent, without time)."""
    image.pad_for_signature()
    content = der.sequence(SPC_PE_IMAGE, PE_IMAGE_DATA) + der.sequence(SHA256, der.octets(image.digest()))
    attributes = (der.sequence(CONTENT_TYPE, der.set_of(SPC_INDIRECT_DATA)),
                  der.sequence(MESSAGE_DIGEST, der.set_of(der.octets(hashlib.sha256(content).digest()))))
    signature = sign_digest(key, der.set_of(*attributes))
    cert = certificate_der(certificate)
    issuer, serial = der.issuer_and_serial(cert)
    signer = der.sequence(der.integer(1), der.sequence(issuer, serial), SHA256,
                          der.tlv(0xA0, *sorted(attributes)), RSA, der.octets(signature))
    signed = der.sequence(der.integer(1), der.set_of(SHA256),
                          der.sequence(SPC_INDIRECT_DATA, der.tlv(0xA0, der.sequence(content))),
                          der.tlv(0xA0, cert), der.set_of(signer))
    image.attach(der.sequence(SIGNED_DATA, der.tlv(0xA0, signed)))


class SignatureStore:
    """Keeps each ECDSA signature by what it signs. ECDSA draws a fresh number for every signature; a build that is
    repeated with the same keys must give the same bytes, and a release key is used once per content."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def signature(self, key_name, content, make):
        name = hashlib.sha256(key_name.encode() + b"\0" + content).hexdigest()
        path = self.folder / name
        if not path.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(make())
        return path.read_bytes()
