"""The disk image: GPT (UEFI 2.10, chapter 5) with EFI system partition, root, hash tree and data."""
import os
import struct
import uuid
import zlib

from os_image.root import NAMESPACE
from os_image.tools import EPOCH, BuildError, run

SECTOR = 512
MIB = 1 << 20
TYPES = {"esp": uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
         "root": uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),         # root, x86-64
         "root-verity": uuid.UUID("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"),  # its hash tree
         "data": uuid.UUID("4d21b016-b534-45c2-a9fb-5c16e091fd2d")}         # variable data
ENTRIES, ENTRY_SIZE = 128, 128
TABLE_SECTORS = ENTRIES * ENTRY_SIZE // SECTOR
VOLUME_ID = "50415649"  # of the FAT file system: fixed, so that two builds are equal
# Places never move, so that another image can be written beside the data. The system partition has room for
# two UKIs. The virtual device (sim/vdev.py) relies on the sum of the first three.
LAYOUT = {"esp": 16 * MIB, "root": 24 * MIB, "root-verity": 1 * MIB, "data": 64 * MIB}


def esp(path, uki):
    """A FAT file system that holds the UKI where firmware looks for it. The UKI's own date becomes EPOCH."""
    os.utime(uki, (EPOCH, EPOCH))  # mcopy -m keeps a file's date, and knows no other way to fix it
    with open(path, "wb") as file:
        file.truncate(LAYOUT["esp"])
    run("mkfs.vfat", "--invariant", "-i", VOLUME_ID, "-n", "PAVISE", "-s", "8", path)
    run("mmd", "-i", path, "::/EFI", "::/EFI/BOOT")
    run("mcopy", "-i", path, "-m", uki, "::/EFI/BOOT/BOOTX64.EFI")


def partition_entry(name, first, last):
    guid = uuid.uuid5(NAMESPACE, f"partition {name}")
    return TYPES[name].bytes_le + guid.bytes_le + struct.pack("<QQQ72s", first, last, 0,
                                                              name.encode("utf-16-le"))


def header(current, other, last_usable, disk_guid, table_at, table_crc):
    def pack(crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, current, other,
                           2 + TABLE_SECTORS, last_usable, disk_guid.bytes_le, table_at, ENTRIES, ENTRY_SIZE,
                           table_crc)
    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def protective_mbr(sectors):
    entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(sectors - 1, 0xFFFFFFFF))
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


def write_disk(path, contents):
    """contents: {partition: file} for those that are not empty. The rest of the image is a hole."""
    at, entries, copies = MIB // SECTOR, [], []
    for name, size in LAYOUT.items():
        entries.append(partition_entry(name, at, at + size // SECTOR - 1))
        if name in contents:
            if contents[name].stat().st_size > size:
                raise BuildError(f"{name} is larger than its partition of {size // MIB} MiB. "
                                 "Next: make the programs smaller; moving partitions strands devices.")
            copies.append((at * SECTOR, contents[name]))
        at += size // SECTOR
    total = at + MIB // SECTOR
    table = b"".join(entries).ljust(ENTRIES * ENTRY_SIZE, b"\0")
    guid = uuid.uuid5(NAMESPACE, "disk")
    last, crc = total - 1, zlib.crc32(table)
    usable = last - TABLE_SECTORS - 1
    path.unlink(missing_ok=True)
    with open(path, "wb") as disk:
        disk.truncate(total * SECTOR)
        disk.write(protective_mbr(total) + header(1, last, usable, guid, 2, crc) + table)
        disk.seek((last - TABLE_SECTORS) * SECTOR)
        disk.write(table + header(last, 1, usable, guid, last - TABLE_SECTORS, crc))
        for offset, source in copies:
            write_sparse(disk, offset, source.read_bytes())


def write_sparse(file, offset, data):
    for at in range(0, len(data), 65536):
        block = data[at:at + 65536]
        if block.count(0) != len(block):
            file.seek(offset + at)
            file.write(block)
