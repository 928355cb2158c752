"""The unified kernel image: boot stub, kernel, initrd, command line and signed PCR policy in one signed PE file."""
import pathlib

from os_image import cpio, pe, signing

STUB = pathlib.Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
# Measured by the stub into PCR 11 in this order (systemd 252, src/fundamental/tpm-pcr.c). The policy section
# is not: it holds a signature over the very value that measuring gives.
MEASURED = (".linux", ".osrel", ".cmdline", ".initrd")
POLICY = ".pcrsig"
INITRD_FOLDERS = ("dev", "proc", "root", "run", "sys")

# quiet would hide "Secure boot enabled"; efi=noruntime: after boot nothing of ours calls firmware; the kernel itself lets nobody
# write to code through /proc, and this lets a debugger do it to whom it traces (ADR 0035).
CONSOLE = "ttyS0"
COMMAND_LINE = ("console=" + CONSOLE + " panic=5 efi=noruntime ip=dhcp proc_mem.force_override=ptrace "
                "pavise.root=/dev/vda2 pavise.verity=/dev/vda3 pavise.data=/dev/vda4 pavise.roothash={root_hash} pavise.epoch={epoch}")


def initrd(boot_program):
    return cpio.archive(INITRD_FOLDERS, {"init": boot_program})


def sections(kernel, boot_program, os_release, root_hash, epoch):
    """{section name: content} of everything that is measured."""
    command_line = COMMAND_LINE.format(root_hash=root_hash, epoch=epoch)
    return {".linux": kernel, ".osrel": os_release, ".cmdline": command_line.encode(),
            ".initrd": initrd(boot_program)}


def assemble(parts, policy, key, certificate):
    """The signed image as pe.Image. policy: content of .pcrsig, or None."""
    image = pe.Image(STUB.read_bytes())
    image.drop_symbols()
    small_first = (".osrel", ".cmdline", ".initrd", ".linux")  # .linux last: it needs the most memory
    for name in small_first:
        image.add_section(name, parts[name])
        if name == ".cmdline" and policy:
            image.add_section(POLICY, policy)
    signing.authenticode(image, key, certificate)
    return image
