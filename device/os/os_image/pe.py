"""PE/COFF images, as far as a unified kernel image needs: adding sections, Authenticode digest, signature table
(Microsoft PE Format; Windows Authenticode Portable Executable Signature Format, 2008)."""
import hashlib
import struct

from os_image.tools import BuildError

SECTION_HEADER = 40
CHARACTERISTICS_DATA = 0x40000040  # initialised data, readable
CERTIFICATE_DIRECTORY = 4


class Image:
    """A PE32+ image in memory."""

    def __init__(self, data):
        self.data = bytearray(data)
        at = struct.unpack_from("<I", data, 0x3C)[0] if len(data) > 0x40 else 0
        if data[:2] != b"MZ" or data[at:at + 4] != b"PE\0\0" or data[at + 24:at + 26] != b"\x0b\x02":
            raise BuildError("a boot program is not a PE32+ image. Next: reinstall systemd-boot-efi.")
        self.coff = at + 4
        self.optional = at + 24
        self.count = struct.unpack_from("<H", data, self.coff + 2)[0]
        self.table = self.optional + struct.unpack_from("<H", data, self.coff + 16)[0]
        self.headers_size = struct.unpack_from("<I", data, self.optional + 60)[0]
        self.checksum = self.optional + 64
        self.certificates = self.optional + 112 + 8 * CERTIFICATE_DIRECTORY

    def sections(self):
        """[(name, virtual address, virtual size, file offset, file size)]"""
        out = []
        for index in range(self.count):
            name, vsize, vaddr, size, offset = struct.unpack_from(
                "<8sIIII", self.data, self.table + index * SECTION_HEADER)
            out.append((name.rstrip(b"\0").decode(), vaddr, vsize, offset, size))
        return out

    def section(self, name):
        for one, _, vsize, offset, size in self.sections():
            if one == name:
                return bytes(self.data[offset:offset + min(size, vsize)])
        return None

    def drop_symbols(self):
        """Cuts what follows the last section (linker symbols): firmware would hash it for nothing."""
        end = max(offset + size for _, _, _, offset, size in self.sections())
        del self.data[end:]
        struct.pack_into("<II", self.data, self.coff + 8, 0, 0)

    def add_section(self, name, content):
        file_align, = struct.unpack_from("<I", self.data, self.optional + 36)
        section_align, = struct.unpack_from("<I", self.data, self.optional + 32)
        place = self.table + self.count * SECTION_HEADER
        if place + SECTION_HEADER > self.headers_size or len(name) > 8:
            raise BuildError(f"no room for section {name} in the boot stub's headers.")
        ends = [vaddr + vsize for _, vaddr, vsize, _, _ in self.sections()]
        vaddr = align(max(ends), max(section_align, 4096))
        self.data.extend(bytes(-len(self.data) % file_align))
        offset = len(self.data)
        size = align(len(content), file_align)
        self.data.extend(content + bytes(size - len(content)))
        struct.pack_into("<8sIIIIIIHHI", self.data, place, name.encode(), len(content), vaddr, size, offset,
                         0, 0, 0, 0, CHARACTERISTICS_DATA)
        self.count += 1
        struct.pack_into("<H", self.data, self.coff + 2, self.count)
        struct.pack_into("<I", self.data, self.optional + 56, align(vaddr + len(content), section_align))
        self.check_overlap()

    def check_overlap(self):
        spans = sorted((vaddr, vaddr + max(vsize, 1), name) for name, vaddr, vsize, _, _ in self.sections())
        for (_, end, one), (start, _, other) in zip(spans, spans[1:]):
            if end > start:
                raise BuildError(f"sections {one} and {other} of the UKI overlap in memory.")

    def digest(self):
        """Authenticode SHA-256: everything but the checksum, the certificate entry and the certificates."""
        data = self.data
        start, size = struct.unpack_from("<II", data, self.certificates)
        end = start if size else len(data)
        digest = hashlib.sha256(data[:self.checksum])
        digest.update(data[self.checksum + 4:self.certificates])
        digest.update(data[self.certificates + 8:self.headers_size])
        hashed = self.headers_size
        for offset, length in sorted((s[3], s[4]) for s in self.sections() if s[4]):
            digest.update(data[offset:offset + length])
            hashed += length
        if end > hashed:  # what lies behind the sections, except the certificates
            digest.update(data[hashed:end])
        return digest.digest()

    def pad_for_signature(self):
        self.data.extend(bytes(-len(self.data) % 8))

    def attach(self, pkcs7):
        """Appends a WIN_CERTIFICATE with this PKCS#7 message."""
        start = len(self.data)
        entry = struct.pack("<IHH", 8 + len(pkcs7), 0x0200, 0x0002) + pkcs7
        entry += bytes(-len(entry) % 8)
        self.data.extend(entry)
        struct.pack_into("<II", self.data, self.certificates, start, len(entry))


def align(value, unit):
    return (value + unit - 1) // unit * unit
