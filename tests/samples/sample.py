"""A sample of samples/ as its maker treats it. PAVISE_PROGRAMS: folder with the programs."""
import json
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAVISE = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin")) / "pavise"


def pavise(*words):
    run = subprocess.run([PAVISE, *map(str, words)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise AssertionError(f"{words}: {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout


class Sample:
    def __init__(self, name):
        self.folder = ROOT / "samples" / name

    def check(self):
        return pavise("app", "check", self.folder / "app_manifest.json")

    def capabilities(self):
        return json.loads((self.folder / "app_manifest.json").read_text(encoding="utf-8"))["capabilities"]

    def pack_and_show(self, program):
        """What `pavise app show` says of a package that was just made and signed."""
        with tempfile.TemporaryDirectory(prefix="pavise-sample-") as folder:
            key, package = pathlib.Path(folder) / "owner.pem", pathlib.Path(folder) / "sample.pvimage"
            pavise("app", "key", "create", key)
            pavise("app", "build", self.folder, "--binary", program, "--key", key, "--tenant", "home", "--out", package)
            return json.loads(pavise("app", "show", package, "--owner-key", f"{key}.pub", "-o", "json"))
