"""The empty data file system as a list of the blocks that mke2fs writes, so that the image needs no mke2fs.

Format (integers big-endian), read by device/init/data_template: magic "PVDATFS1", u32 block size, u32 block count of
the file system, u32 number of runs; each run: u32 first block, u32 blocks, u8 kind (0 zeros, 1 data); then the data
blocks of all runs in order."""
import struct
import uuid

from os_image.root import NAMESPACE
from os_image.tools import EPOCH, run

MAGIC = b"PVDATFS1"
BLOCK = 4096
BLOCKS = 4096  # 16 MiB; grown to the partition when it is first mounted
INODES = 2048
ZERO, DATA = 0, 1
FEATURES = "extent,64bit,metadata_csum,has_journal,resize_inode,sparse_super,dir_index,filetype,^uninit_bg,quota"
OPTIONS = ("lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0,hash_seed={seed},resize=1048576,"
           "quotatype=usrquota")


def empty_file_system(path, fill):
    """What mke2fs makes of a file that was full of `fill`."""
    path.write_bytes(bytes([fill]) * (BLOCK * BLOCKS))
    identity = uuid.uuid5(NAMESPACE, "data file system")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", BLOCK, "-N", INODES, "-m", 0, "-J", "size=4", "-U", identity,
        "-L", "pavise-data", "-O", FEATURES, "-E", OPTIONS.format(seed=identity), path, BLOCKS,
        env={"E2FSPROGS_FAKE_TIME": str(EPOCH), "MKE2FS_DETERMINISTIC": "1"})
    return path.read_bytes()


def blocks_of(data):
    return [data[at:at + BLOCK] for at in range(0, len(data), BLOCK)]


def template(work):
    """The template's bytes. A block was written if two runs over different grounds agree on it."""
    path = work / "data.ext4"
    first, second = (blocks_of(empty_file_system(path, fill)) for fill in (0x55, 0xAA))
    runs, data = [], []
    for number, (one, other) in enumerate(zip(first, second)):
        if one != other:
            continue
        kind = DATA if any(one) else ZERO
        if kind == DATA:
            data.append(one)
        if runs and runs[-1][2] == kind and runs[-1][0] + runs[-1][1] == number:
            runs[-1][1] += 1
        else:
            runs.append([number, 1, kind])
    path.unlink()
    head = MAGIC + struct.pack(">III", BLOCK, BLOCKS, len(runs))
    return head + b"".join(struct.pack(">IIB", *run_) for run_ in runs) + b"".join(data)
