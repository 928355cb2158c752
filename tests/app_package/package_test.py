"""App packages from the page that describes them, and with the tools of others.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin)."""
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAVISE = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin")).resolve() / "pavise"
BLOCK = 4096
MOUNT_POINTS = ("/data", "/dev", "/proc", "/tmp")  # added by the build
MANIFEST = {
    "schema_version": 1, "name": "hello", "component_id": "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e07", "version": "2.0.1",
    "security_epoch": 5, "entry_point": "/app/hello", "budgets": {"memory_kib": 1024, "cpu_percent": 10, "processes": 2},
    "capabilities": {"device_authentication": "home"},
}
PROGRAM = r"""
__attribute__((noreturn)) void _start(void) {
#if defined(__x86_64__)
  __asm__ volatile("syscall" : : "a"(60), "D"(7));
#elif defined(__aarch64__)
  register long x0 __asm__("x0") = 7, x8 __asm__("x8") = 93;
  __asm__ volatile("svc 0" : : "r"(x0), "r"(x8));
#endif
  __builtin_unreachable();
}
"""


def whole_blocks(size):
    return -(-size // BLOCK)


def tree_levels(blocks):
    """Blocks of each level above so many, the lowest first."""
    out = []
    while blocks > 1:
        blocks = whole_blocks(blocks * 32)
        out.append(blocks)
    return out


def read(package):
    """The fields and parts of docs/formats/app-image.md."""
    out = {"bytes": package}
    (out["magic"], out["format"], out["header_bytes"], manifest_bytes, component, out["major"], out["minor"], out["patch"],
     zero, out["epoch"], out["blocks"], tenant_length) = struct.unpack(">8sHHI16sHHHHIIB", package[:49])
    assert zero == 0
    out["component_id"] = str(uuid.UUID(bytes=component))
    out["tenant"] = package[49:49 + tenant_length].decode()
    assert package[49 + tenant_length:100].strip(b"\0") == b""
    for index, name in enumerate(("manifest_digest", "sbom_digest", "root", "salt", "key_id")):
        out[name] = package[100 + 32 * index:132 + 32 * index]
    out["needs"] = []
    for index in range(package[260]):
        name, version = struct.unpack(">16sI", package[264 + 20 * index:284 + 20 * index])
        out["needs"].append((name.rstrip(b"\0").decode(), version))
    assert package[424:448] == bytes(24)
    out["signature"] = package[448:512]
    out["manifest"] = package[512:512 + manifest_bytes]
    front = whole_blocks(512 + manifest_bytes) * BLOCK
    assert package[512 + manifest_bytes:front].strip(b"\0") == b""
    content = front + sum(tree_levels(out["blocks"])) * BLOCK
    out["tree"], out["content"] = package[front:content], package[content:]
    return out


def hash_tree(content, salt):
    """The root and the blocks, the top first."""
    levels, below = [], content
    while True:
        digests = b"".join(hashlib.sha256(salt + below[at:at + BLOCK]).digest() for at in range(0, len(below), BLOCK))
        if len(digests) == 32:
            return digests, b"".join(reversed(levels))
        below = digests.ljust(whole_blocks(len(digests)) * BLOCK, b"\0")
        levels.append(below)


def der(signature):
    def integer(raw):
        raw = raw.lstrip(b"\0") or b"\0"
        raw = (b"\0" if raw[0] & 0x80 else b"") + raw
        return b"\2" + bytes([len(raw)]) + raw
    body = integer(signature[:32]) + integer(signature[32:])
    return b"\x30" + bytes([len(body)]) + body


def raw(signature):
    out, at = b"", 2
    for _ in range(2):
        size = signature[at + 1]
        out += signature[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="pavise-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "app/root/etc").mkdir(parents=True)
        (cls.folder / "app/root/etc/note").write_text("hello\n" * 100_000)
        (cls.folder / "app/root/etc/link").symlink_to("../app/hello")
        (cls.folder / "app/app_manifest.json").write_text(json.dumps(MANIFEST, indent=1))
        (cls.folder / "hello.c").write_text(PROGRAM)
        cls.tool("clang-19", "-Os", "-static", "-nostdlib", "-ffreestanding", "-o", "hello", "hello.c")
        cls.tool(PAVISE, "app", "key", "create", "owner.pem")
        cls.built = json.loads(cls.tool(PAVISE, "app", "build", "app", "--binary", "hello", "--key", "owner.pem",
                                        "--tenant", "home", "-o", "json"))
        cls.package = read((cls.folder / "app/hello.pvimage").read_bytes())

    @classmethod
    def tool(cls, *command, code=0):
        run = subprocess.run([str(part) for part in command], cwd=cls.folder, capture_output=True, text=True, check=False,
                             env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        if run.returncode != code:
            raise AssertionError(f"{command}: {run.returncode}\n{run.stdout}{run.stderr}")
        return run.stdout

    def test_the_page_reads_what_the_program_wrote(self):
        package = self.package
        self.assertEqual((package["magic"], package["format"], package["header_bytes"]), (b"PVIMAGE\0", 1, 512))
        self.assertEqual(json.loads(package["manifest"]), MANIFEST)
        self.assertEqual(package["component_id"], MANIFEST["component_id"])
        self.assertEqual((package["major"], package["minor"], package["patch"], package["epoch"]), (2, 0, 1, 5))
        self.assertEqual(package["tenant"], "home")
        self.assertEqual([name for name, _ in package["needs"]][0], "pavise-app")
        self.assertEqual(package["manifest_digest"], hashlib.sha256(package["manifest"]).digest())
        self.assertEqual(package["sbom_digest"], hashlib.sha256((self.folder / "app/hello.cdx.json").read_bytes()).digest())
        self.assertEqual(len(package["content"]), package["blocks"] * BLOCK)
        self.assertEqual(hash_tree(package["content"], package["salt"]), (package["root"], package["tree"]))
        self.assertGreater(package["blocks"], 128)  # a tree of two levels
        self.assertEqual(self.built["signed_digest"], hashlib.sha256(package["bytes"][:448]).hexdigest())

    def test_openssl_verifies_the_signature_and_names_the_key(self):
        (self.folder / "signed").write_bytes(self.package["bytes"][:448])
        (self.folder / "signature").write_bytes(der(self.package["signature"]))
        self.tool("openssl", "dgst", "-sha256", "-verify", "owner.pem.pub", "-signature", "signature", "signed")
        self.tool("openssl", "pkey", "-pubin", "-in", "owner.pem.pub", "-outform", "DER", "-out", "owner.der")
        self.assertEqual(self.package["key_id"], hashlib.sha256((self.folder / "owner.der").read_bytes()).digest())

    def test_cryptsetup_accepts_the_tree_and_erofs_utils_the_image(self):
        package = self.package
        (self.folder / "content").write_bytes(package["content"])
        (self.folder / "tree").write_bytes(package["tree"])
        self.tool("veritysetup", "verify", "content", "tree", package["root"].hex(), "--no-superblock", "--hash=sha256",
                  "--data-block-size=4096", "--hash-block-size=4096", f"--data-blocks={package['blocks']}",
                  "--salt=" + package["salt"].hex())
        self.tool("fsck.erofs", "content")
        self.assertIn(MANIFEST["component_id"], self.tool("dump.erofs", "content"))

    def test_the_program_shows_what_the_page_wrote_and_openssl_signed(self):
        package = self.package
        manifest = json.dumps({**MANIFEST, "version": "3.0.0"}).encode()
        salt = bytes(range(32))
        root, tree = hash_tree(package["content"], salt)
        header = struct.pack(">8sHHI16sHHHHIIB51s", b"PVIMAGE\0", 1, 512, len(manifest),
                             uuid.UUID(MANIFEST["component_id"]).bytes, 3, 0, 0, 0, 5, package["blocks"], 4, b"home")
        header += hashlib.sha256(manifest).digest() + bytes(32) + root + salt + package["key_id"]
        header += bytes([1, 0, 0, 0]) + struct.pack(">16sI", b"pavise-app", 1) + bytes(140 + 24)
        (self.folder / "unsigned").write_bytes(header)
        self.tool("openssl", "dgst", "-sha256", "-sign", "owner.pem", "-out", "other.signature", "unsigned")
        file = header + raw((self.folder / "other.signature").read_bytes()) + manifest
        file = file.ljust(whole_blocks(len(file)) * BLOCK, b"\0") + tree + package["content"]
        (self.folder / "other.pvimage").write_bytes(file)
        shown = json.loads(self.tool(PAVISE, "app", "show", "other.pvimage", "--owner-key", "owner.pem.pub", "-o", "json"))
        self.assertEqual((shown["version"], shown["signature_checked"]), ("3.0.0", True))
        self.assertEqual(shown["verity"]["root_hash"], root.hex())
        self.assertEqual({row["path"] for row in shown["files"]}, {"/", "/app", "/app/hello", "/etc", "/etc/link", "/etc/note", *MOUNT_POINTS})

    def test_a_second_build_gives_the_same_bytes(self):
        before = (self.folder / "app/hello.pvimage").read_bytes()
        os.utime(self.folder / "app/root/etc/note", (1, 1))
        again = json.loads(self.tool(PAVISE, "app", "build", "app", "--binary", "hello", "--key", "owner.pem",
                                     "--tenant", "home", "-o", "json"))
        self.assertTrue(again["same_signature"])
        self.assertEqual((self.folder / "app/hello.pvimage").read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
