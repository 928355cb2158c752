"""Predicts what firmware and boot stub measure of our image (TCG PC Client Platform Firmware Profile 1.05; for PCR 11
systemd-stub 252). An event is (digest, component, name); a PCR starts as zeros and takes each digest in turn."""
import hashlib
import struct

from os_image import signing, uki, variables

SEPARATOR = bytes(4)
DATA_OPENED = "pavise:data-opened"
COMPONENTS = {".linux": "kernel", ".osrel": "release description", ".cmdline": "kernel command line",
              ".initrd": "boot program"}


def sha256(data):
    return hashlib.sha256(data).digest()


def replay(events):
    value = bytes(32)
    for digest, _, _ in events:
        value = sha256(value + digest)
    return value


def image_parts(parts):
    """PCR 11 up to the moment the data partition is opened: name, then content, of each section."""
    events = []
    for name in uki.MEASURED:
        component = COMPONENTS[name]
        events.append((sha256(name.encode() + b"\0"), component, f"name of section {name}"))
        events.append((sha256(parts[name]), component, f"content of section {name}"))
    return events


def data_opened():
    """The monitor's closing event in PCR 11."""
    return [(sha256(DATA_OPENED.encode()), "data partition", DATA_OPENED)]


def variable_data(name, guid, content):
    """UEFI_VARIABLE_DATA: what EV_EFI_VARIABLE_* events hash."""
    encoded = name.encode("utf-16-le")
    return guid.bytes_le + struct.pack("<QQ", len(name), len(content)) + encoded + content


def secure_boot(keys):
    """PCR 7: Secure Boot on, our key databases, and our certificate as the authority that let the UKI run."""
    databases = variables.key_databases(keys)
    measured = [("SecureBoot", variables.GLOBAL, b"\1", "Secure Boot is on"),
                ("PK", *databases["PK"], "platform key"),
                ("KEK", *databases["KEK"], "key exchange key"),
                ("db", *databases["db"], "allowed signers"),
                ("dbx", variables.IMAGE_SECURITY, b"", "forbidden signers")]
    events = [(sha256(variable_data(name, guid, content)), "Secure Boot keys", f"{name}: {text}")
              for name, guid, content, text in measured]
    events.append((sha256(SEPARATOR), "firmware", "end of firmware configuration"))
    # The authority is the one EFI_SIGNATURE_DATA of db that verified the image: owner and certificate.
    guid, entry = variables.IMAGE_SECURITY, variables.OWNER.bytes_le + signing.certificate_der(keys.certificate("db"))
    events.append((sha256(variable_data("db", guid, entry)), "Secure Boot keys", "db: signer of the boot program"))
    return events


def boot_programs(image):
    """PCR 4: the firmware's decision to boot, and the UKI."""
    return [(sha256(b"Calling EFI Application from Boot Option"), "firmware", "attempt to boot"),
            (sha256(SEPARATOR), "firmware", "end of firmware"),
            (image.digest(), "unified kernel image", "boot program")]
