"""Attacks on a virtual device, for the tour and the end-to-end tests. Each works on a copy."""
import pathlib
import shutil
import subprocess

from sim import vdev

ROOT_OFFSET = (1 + 16) * vdev.MIB  # of the root partition (device/os/os_image/disk.py)


def copy_image(source, target):
    source, target = pathlib.Path(source), pathlib.Path(target)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in ("disk.img", "pavise.efi", "release.json", "release.sig", "OVMF_VARS.fd", "image.json"):
        subprocess.run(["cp", "--sparse=always", source / name, target / name], check=True)
    return target


def flip_bit(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def place_of(disk, piece):
    """Where a unique piece of bytes stands in the disk image."""
    at = pathlib.Path(disk).read_bytes().find(piece)
    if at < 0:
        raise vdev.VirtualDeviceError(f"{disk} does not hold the expected bytes. Next: build the image anew.")
    return at


def flip_byte_in_uki(image, target):
    """One bit inside the kernel's code, within what the signature covers."""
    target = copy_image(image, target)
    uki = (target / "pavise.efi").read_bytes()
    middle = len(uki) // 2
    piece = uki[middle:middle + 512]
    flip_bit(target / "disk.img", place_of(target / "disk.img", piece))
    return target


def flip_byte_in_root(image, target):
    """One bit in the first bytes of the root, which no file system reads: only the hash tree covers them."""
    target = copy_image(image, target)
    flip_bit(target / "disk.img", ROOT_OFFSET)
    return target


def replace_root(image, donor):
    """The donor's root and hash tree beside this image's signed kernel, in place."""
    with open(pathlib.Path(donor) / "disk.img", "rb") as source, open(pathlib.Path(image) / "disk.img", "r+b") as disk:
        vdev.copy_range(source, disk, ROOT_OFFSET, vdev.DATA_OFFSET)


def erase_hash_tree(image):
    with open(pathlib.Path(image) / "disk.img", "r+b") as disk:
        disk.seek(vdev.DATA_OFFSET - vdev.MIB)
        disk.write(bytes(vdev.MIB))
