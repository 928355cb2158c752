"""Azure's own end-to-end suite for Node (e2etests of github.com/Azure/azure-iot-sdk-node) against a hub, by command.

  npm install --ignore-scripts     # once, in the suite's folder
  python3 -m tests.interop.azure_node.e2e_suite FOLDER/e2etests [FILE...]

A line for each file; its output lies beside the suite in `pavise-results`. Not among them: server_validation, which needs
a server of another CA."""
import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from tests.host_walk.house import House, run
from tests.interop.azure_node.azure_node_test import HUB, INSIDE, in_own_namespace, start_hub

NO_TESTS = {"server_validation", "testUtils"}
FILE_TIMEOUT_S = 1800


def register_ca(api, folder):
    """A CA of which the suite makes certificates; its part of the environment."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=e2e", "-keyout",
        folder / "ca.key", "-out", folder / "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE")
    path = f"/hubs/{HUB}/certificates"
    api.call("POST", path, {"name": "e2e", "certificate": (folder / "ca.pem").read_text(encoding="utf-8")})
    code = api.call("POST", f"{path}/e2e/verification-code")["verification_code"]
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={code}", "-keyout", folder / "proof.key", "-out",
        folder / "proof.csr")
    run("openssl", "x509", "-req", "-in", folder / "proof.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
        "-set_serial", "7", "-days", "2", "-out", folder / "proof.pem")
    api.call("POST", f"{path}/e2e/verify", {"certificate": (folder / "proof.pem").read_text(encoding="utf-8")})
    return {name: base64.b64encode((folder / file).read_bytes()).decode()
            for name, file in (("IOTHUB_CA_ROOT_CERT", "ca.pem"), ("IOTHUB_CA_ROOT_CERT_KEY", "ca.key"))}


def run_file(suite, name, environment, results):
    """True if no test of the file failed."""
    with open(results / f"{name}.txt", "w", encoding="utf-8") as out:
        done = subprocess.run(["npx", "mocha", "--exit", f"test/{name}.js"], cwd=suite, env=environment, check=False,
                              stdout=out, stderr=subprocess.STDOUT, timeout=FILE_TIMEOUT_S)
    text = (results / f"{name}.txt").read_text(encoding="utf-8")
    counts = re.findall(r"^ +(\d+ (?:passing|failing|pending))", text, re.MULTILINE)
    print(f"{name}: {', '.join(counts) or 'no result'}", flush=True)
    return done.returncode == 0


def main(words):
    suite = pathlib.Path(words[0]).resolve()
    if not os.environ.get(INSIDE):
        return in_own_namespace("tests.interop.azure_node.e2e_suite", str(suite), *words[1:])
    names = words[1:] or sorted(path.stem for path in (suite / "test").glob("*.js")
                                if not path.stem.endswith("helper") and path.stem not in NO_TESTS)
    results = suite / "pavise-results"
    results.mkdir(exist_ok=True)
    with House() as house, tempfile.TemporaryDirectory() as folder:
        # The suite knows no other events than telemetry.
        api, environment = start_hub(house, [])
        environment |= register_ca(api, pathlib.Path(folder))
        environment |= {"IOTHUB_CONNECTION_STRING": environment["PAVISE_OWNER_STRING"],
                        "EVENTHUB_CONNECTION_STRING": environment["PAVISE_EVENTS_STRING"]}
        good = [run_file(suite, name, environment, results) for name in names]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
