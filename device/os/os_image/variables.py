"""Writes our Secure Boot keys into an empty OVMF variable store (edk2: MdeModulePkg/Include/Guid/VariableFormat.h,
authenticated variables; UEFI 2.10, 32.4 signature lists), so that Secure Boot is on at the first power-on."""
import pathlib
import struct
import uuid

from os_image import signing
from os_image.tools import BuildError

EMPTY_STORE = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
STORE_GUID = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792")
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
IMAGE_SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
SECURE_BOOT_ENABLE = uuid.UUID("f0a30bc7-af08-4556-99c4-001009c93a44")
CUSTOM_MODE = uuid.UUID("c076ec0c-7028-4399-a072-71ee5c448b9f")
CERT_X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
OWNER = uuid.uuid5(uuid.NAMESPACE_DNS, "secure-boot.pavise.internal")

NON_VOLATILE, BOOT, RUNTIME, TIME_AUTHENTICATED = 1, 2, 4, 0x20
START_ID, ADDED = 0x55AA, 0x3F
ENROLLED_AT = struct.pack("<HBBBBBBIhBB", 2026, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)  # EFI_TIME
HEADER_SIZE = 60


def signature_list(certificate):
    """EFI_SIGNATURE_LIST with one X.509 certificate of ours."""
    entry = OWNER.bytes_le + certificate
    return CERT_X509.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry


def key_databases(keys):
    """{variable name: (vendor GUID, content)} of PK, KEK and db; also what PCR 7 measures."""
    guids = {"PK": GLOBAL, "KEK": GLOBAL, "db": IMAGE_SECURITY}
    return {name: (guid, signature_list(signing.certificate_der(keys.certificate(name))))
            for name, guid in guids.items()}


def variable(name, guid, attributes, content, time=bytes(16)):
    encoded = name.encode("utf-16-le") + b"\0\0"
    header = struct.pack("<HBBIQ16sIII16s", START_ID, ADDED, 0, attributes, 0, time, 0, len(encoded),
                         len(content), guid.bytes_le)
    record = header + encoded + content
    return record + b"\xff" * (-len(record) % 4)


def enrolled_store(keys):
    """The bytes of a variable store with our keys enrolled and Secure Boot enabled in standard mode."""
    store = bytearray(EMPTY_STORE.read_bytes())
    volume_header, = struct.unpack_from("<H", store, 0x30)
    if store[0x28:0x2C] != b"_FVH" or store[volume_header:volume_header + 16] != STORE_GUID.bytes_le:
        raise BuildError(f"{EMPTY_STORE} is not an authenticated variable store. Next: reinstall ovmf.")
    size, = struct.unpack_from("<I", store, volume_header + 16)
    plain = NON_VOLATILE | BOOT
    databases = key_databases(keys)
    records = [variable(name, *databases[name][:1], plain | RUNTIME | TIME_AUTHENTICATED, databases[name][1],
                        ENROLLED_AT) for name in ("db", "KEK", "PK")]
    records.append(variable("SecureBootEnable", SECURE_BOOT_ENABLE, plain, b"\1"))
    records.append(variable("CustomMode", CUSTOM_MODE, plain, b"\0"))
    content = b"".join(records)
    start = volume_header + 28
    if any(byte != 0xFF for byte in store[start:volume_header + size]) or len(content) > size - 28:
        raise BuildError(f"{EMPTY_STORE} is not empty. Next: reinstall ovmf.")
    store[start:start + len(content)] = content
    return bytes(store)
