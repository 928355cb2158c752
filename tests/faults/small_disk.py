"""A file system of a few MiB that this process alone sees. Works as root and, where user namespaces are allowed, as
anybody."""
import contextlib
import ctypes
import os
import pathlib

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 0x4000, 1 << 18
LIBC = ctypes.CDLL(None, use_errno=True)


def checked(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def leave_the_mounts_of_others():
    """From here on what this process mounts is its own, and goes away with it. Before any thread is started."""
    uid, gid = os.geteuid(), os.getegid()
    checked(LIBC.unshare(CLONE_NEWNS | (CLONE_NEWUSER if uid else 0)), "unshare")
    if uid:
        pathlib.Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")
    checked(LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")


class SmallDisk:
    """Mounted at `folder`; `filler` is what takes its space away."""

    def __init__(self, folder, size_mib):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700)
        self.filler = self.folder / "filler"
        checked(LIBC.mount(b"tmpfs", os.fsencode(self.folder), b"tmpfs", MS_NOSUID | MS_NODEV,
                           f"size={size_mib}m,mode=0700".encode()), "mount")

    def unmount(self):
        checked(LIBC.umount2(os.fsencode(self.folder), 2), "umount")  # 2: also while somebody uses it

    def fill(self):
        """Until not one more block fits."""
        with open(self.filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        if self.free_bytes() != 0:
            raise AssertionError(f"{self.free_bytes()} bytes are still free")

    def free_bytes(self):
        facts = os.statvfs(self.folder)
        return facts.f_bavail * facts.f_frsize

    def make_room(self):
        self.filler.unlink(missing_ok=True)
