"""The initrd: a cpio archive ("newc", kernel's Documentation/driver-api/early-userspace/buffer-format.rst)."""

MODE_FOLDER = 0o040755
MODE_PROGRAM = 0o100755
TRAILER = "TRAILER!!!"


def entry(number, name, mode, data=b""):
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return pad(header) + pad(data)


def pad(data):
    return data + bytes(-len(data) % 4)


def archive(folders, files):
    """folders: names; files: {name: bytes}, made executable. All owned by root, dated 1970."""
    entries = [(name, MODE_FOLDER, b"") for name in sorted(folders)]
    entries += [(name, MODE_PROGRAM, data) for name, data in sorted(files.items())]
    out = b"".join(entry(number + 1, *one) for number, one in enumerate(entries))
    out += entry(0, TRAILER, 0)
    return out + bytes(-len(out) % 512)
