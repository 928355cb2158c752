"""Our kernel from Debian's source package, kept by the hash of everything that goes into it."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from os_image.tools import ENVIRONMENT, BuildError, run, step

SOURCE = pathlib.Path("/usr/src/linux-source-6.1.tar.xz")
CONFIG = pathlib.Path(__file__).resolve().parents[1] / "kernel.config"
# Who built it, where and when is written into a kernel; ours says the same everywhere.
IDENTITY = {"KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 2026", "KBUILD_BUILD_USER": "pavise",
            "KBUILD_BUILD_HOST": "pavise", "KBUILD_BUILD_VERSION": "1"}
ABOUT_OBJECTS = 1180  # compiled files with this configuration: only for the progress note


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "pavise" / "kernel"


def inputs_digest():
    """Source, configuration and compilers: what the bytes of the kernel depend on."""
    if not SOURCE.exists():
        raise BuildError(f"{SOURCE} is missing. Next: run tools/install-dependencies.")
    digest = hashlib.sha256()
    with open(SOURCE, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    digest.update(CONFIG.read_bytes())
    for tool in (("gcc", "--version"), ("ld", "--version"), ("zstd", "--version")):
        digest.update(run(*tool))
    digest.update(repr(sorted(IDENTITY.items())).encode())
    return digest.hexdigest()


def kernel():
    """Path of the kernel image (bzImage). Compiles it at first use: about six minutes on two cores."""
    kept = cache_folder() / inputs_digest() / "bzImage"
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pavise-kernel-") as work:
        tree = compile_in(work)
        # Renaming makes a kernel appear in the cache whole or not at all.
        partial = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(tree / "arch/x86/boot/bzImage", partial)
        shutil.copyfile(tree / ".config", kept.parent / "config")
        os.rename(partial, kept)
    return kept


def compile_in(folder):
    """The source tree in `folder` with the kernel in it, compiled there."""
    with step("unpacking the kernel's source"):
        run("tar", "-xf", SOURCE, "-C", folder)
    tree = next(pathlib.Path(folder).iterdir())
    configure(tree)
    with step("compiling the kernel, about six minutes, once") as state:
        compile_tree(tree, state)
    return tree


def configure(tree):
    run("make", "-s", f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig", cwd=tree, env=IDENTITY)
    problems = unmet(CONFIG.read_text(encoding="utf-8"), (tree / ".config").read_text(encoding="utf-8"))
    if problems:
        raise BuildError("the kernel's configuration does not take: " + ", ".join(problems)
                         + ". Next: correct device/os/kernel.config.")


def unmet(wanted, got):
    """Settings of the fragment that Kconfig dropped: an unmet dependency or a misspelt name."""
    settings = set(got.splitlines())
    lines = [line for line in wanted.splitlines() if re.match(r"(# )?CONFIG_\w", line)]
    # Kconfig leaves a setting out of .config altogether when what it depends on is off.
    return [line for line in lines if line not in settings
            and not (line.startswith("# ") and line.split()[1] + "=" not in got)]


def compile_tree(tree, state):
    jobs = os.environ.get("PAVISE_KERNEL_JOBS") or str(os.cpu_count() or 1)
    tail, objects = [], 0
    process = subprocess.Popen(["make", f"-j{jobs}", "bzImage"], cwd=tree, env={**ENVIRONMENT, **IDENTITY},
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    for line in process.stdout:
        tail = [*tail[-19:], line]
        if line.startswith("  CC "):
            objects += 1
            state["note"] = f"{min(99, objects * 100 // ABOUT_OBJECTS)} %"
    if process.wait() != 0:
        raise BuildError("the kernel does not compile:\n" + "".join(tail))
