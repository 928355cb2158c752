"""docs/owner-keys.md as a reader follows it, and what must not happen to a PIN.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin)."""
import hashlib
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin")).resolve()
PAGE = ROOT / "docs/owner-keys.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
PIN = "648219"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
KEY = f"pkcs11:token=owner;object=apps?module-path={MODULE}"
# What an app's author could write into his build to get at the PIN of who builds it.
THIEF = """
execute_process(COMMAND env OUTPUT_FILE "${CMAKE_SOURCE_DIR}/loot-environment")
execute_process(COMMAND sh -c "p=$PPID; while [ $p -gt 1 ]; do tr '\\\\0' '\\\\n' </proc/$p/environ; \\
p=$(sed 's/.*) //' /proc/$p/stat | cut -d ' ' -f 2); [ \\"$(cat /proc/$p/comm)\\" = pavise ] && stop=1; \\
[ \\"$stop\\" ] && { tr '\\\\0' '\\\\n' </proc/$p/environ; break; }; done" OUTPUT_FILE "${CMAKE_SOURCE_DIR}/loot-parents")
"""


class OwnerTokenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="pavise-owner-token-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # The page's own words set it for its terminal; each block here has a shell of its own.
        cls.environment = {**os.environ, "SOFTHSM2_CONF": str(cls.folder / "softhsm2.conf"), "HOME": str(cls.folder),
                           "PATH": f"{PROGRAMS}:{os.environ['PATH']}:/usr/sbin:/sbin"}
        cls.environment.pop("PAVISE_PIN", None)
        cls.make, cls.take, cls.sign = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
        cls.shell(cls.make)
        cls.shell("pavise app new blink --template cpp-minimal")

    @classmethod
    def shell(cls, commands, code=0, **more):
        done = subprocess.run(["setsid", "--wait", "bash", "-e", "-c", commands], cwd=cls.folder, capture_output=True,
                              text=True, check=False, timeout=240, env={**cls.environment, **more},
                              stdin=subprocess.DEVNULL)
        if done.returncode != code:
            raise AssertionError(f"{commands}: {done.returncode}\n{done.stdout}{done.stderr}")
        if PIN in commands:
            return ""
        for said in (done.stdout, done.stderr):
            if PIN in said:
                raise AssertionError(f"{commands} tells the PIN\n{said}")
        return done.stdout + done.stderr

    def build(self, key=KEY, folder="blink", code=0, **more):
        return self.shell(f"pavise app build {folder} --key '{key}' --tenant home", code, **more)

    def test_the_page_does_what_it_says(self):
        self.shell(self.take)
        public = self.folder / "owner.pem.pub"
        package = self.folder / "blink/blink.pvimage"
        package.unlink(missing_ok=True)
        said = self.shell(self.sign, PAVISE_PIN=PIN)
        self.assertRegex(said, r"signature +new")
        self.assertRegex(said, r"signature +good, by that key")
        # OpenSSL, too, takes it for that key's.
        header = package.read_bytes()[:512]
        r, s = (int.from_bytes(header[at:at + 32], "big") for at in (448, 480))
        der = subprocess.run(["openssl", "asn1parse", "-genconf", "/dev/stdin", "-noout", "-out", "/dev/stdout"],
                             input=f"asn1=SEQUENCE:s\n[s]\nr=INTEGER:{r}\ns=INTEGER:{s}\n".encode(), check=True,
                             capture_output=True).stdout
        (self.folder / "signature").write_bytes(der)
        (self.folder / "signed").write_bytes(header[:448])
        self.assertEqual(self.shell("openssl dgst -sha256 -verify owner.pem.pub -signature signature signed"),
                         "Verified OK\n")
        spki = subprocess.run(["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"], check=True,
                              capture_output=True).stdout
        self.assertEqual(header[228:260], hashlib.sha256(spki).digest())
        # Nothing has changed: neither PIN nor terminal.
        self.assertRegex(self.build(), r"signature +kept")

    def test_a_pin_that_is_missing_or_wrong_signs_nothing(self):
        package = self.folder / "blink/blink.pvimage"
        package.unlink(missing_ok=True)
        self.assertIn("PV-TOK-009", self.build(code=1))
        self.assertIn("PV-TOK-011", self.build(code=1, PAVISE_PIN="999999"))
        self.assertIn("PV-TOK-002", self.build(KEY + "&pin-value=1", code=2))
        pin = self.folder / "pin"
        pin.write_text(PIN + "\n")
        pin.chmod(0o644)
        self.assertIn("PV-TOK-010", self.build(f"{KEY}&pin-source=file:{pin}", code=1))
        self.assertFalse(package.exists())
        pin.chmod(0o600)
        self.build(f"{KEY}&pin-source=file:{pin}")
        self.assertTrue(package.exists())

    def test_names_that_mean_nothing_there(self):
        for key, code in (("pkcs11:token=other;object=apps", "PV-TOK-004"), ("pkcs11:token=owner;object=b", "PV-TOK-006"),
                          ("pkcs11:token=owner;object=apps?module-path=/absent.so", "PV-TOK-003")):
            self.assertIn(code, self.shell(f"pavise app key show '{key}'", code=1))
        self.assertIn("PV-TOK-001", self.shell("pavise app key show 'pkcs11:tokn=owner'", code=2))
        self.assertIn("PV-CLI-009", self.shell("pavise app key create 'pkcs11:token=owner;object=new'", code=2))

    def test_a_person_is_asked_at_the_terminal(self):
        (self.folder / "blink/blink.pvimage").unlink(missing_ok=True)
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execvpe("pavise", ["pavise", "app", "build", "blink", "--key", KEY, "--tenant", "home"], self.environment)
        self.addCleanup(os.close, terminal)
        self.addCleanup(self.end, pid)
        shown = b""
        while b"PIN of the token owner" not in shown or not shown.endswith(b": "):
            shown += os.read(terminal, 1024)
        os.write(terminal, PIN.encode() + b"\r")
        try:
            while more := os.read(terminal, 1024):
                shown += more
        except OSError:  # the end of a terminal
            pass
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, shown)
        self.assertNotIn(PIN.encode(), shown)

    @staticmethod
    def end(pid):
        """Of a child that may have ended long ago."""
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        except ChildProcessError:
            pass

    def test_the_sources_of_an_app_do_not_see_the_pin(self):
        self.shell("pavise app new thief --template cpp-minimal")
        lists = self.folder / "thief/CMakeLists.txt"
        lists.write_text(lists.read_text() + THIEF)
        self.build(folder="thief", PAVISE_PIN=PIN, MARK="was-there")
        for loot in ("loot-environment", "loot-parents"):
            text = (self.folder / "thief" / loot).read_text()
            self.assertIn("MARK=was-there", text)
            self.assertNotIn(PIN, text)
        # That was the environment of `pavise` itself, where the PIN had stood.
        self.assertIn("\nPAVISE_PIN=\n", text)


if __name__ == "__main__":
    unittest.main()
