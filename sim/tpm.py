"""Virtual TPMs (swtpm) with endorsement certificates from a virtual silicon vendor of our own."""
import os
import pathlib
import shutil
import subprocess
import time

ROOT_CERTIFICATE = "vendor-root.pem"
START_TIMEOUT_S = 20


class VirtualDeviceError(Exception):
    """A virtual device cannot be made or started. The message says why and what to do next."""


def run(*command, env=None):
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              env={**os.environ, **(env or {})})
    except FileNotFoundError as error:
        raise VirtualDeviceError(f"{words[0]} is not installed. Next: run tools/install-dependencies.") from error
    if done.returncode != 0:
        text = "\n".join((done.stderr + done.stdout).strip().splitlines()[-5:])
        raise VirtualDeviceError(f"{words[0]} failed with exit code {done.returncode}:\n{text}")
    return done.stdout


def make_vendor(folder):
    """The certificate authority of the virtual silicon vendor, unless it is there. Idempotent."""
    folder = pathlib.Path(folder).resolve()
    if (folder / "swtpm_setup.conf").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, root = folder / "vendor-root.key", folder / ROOT_CERTIFICATE
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256",
        "-days", 9125, "-subj", "/O=Virtual Silicon/CN=Virtual Silicon TPM root", "-keyout", key, "-out", root,
        "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    os.chmod(key, 0o600)
    (folder / "localca.conf").write_text(
        f"statedir = {folder}\nsigningkey = {key}\nissuercert = {root}\ncertserial = {folder}/certserial\n",
        encoding="utf-8")
    (folder / "localca.options").write_text(
        "--tpm-manufacturer id:00001014\n--tpm-model swtpm\n--tpm-version 2\n"
        "--platform-manufacturer Pavise\n--platform-model virtual\n--platform-version 1\n", encoding="utf-8")
    (folder / "swtpm_setup.conf").write_text(
        "create_certs_tool = /usr/bin/swtpm_localca\n"
        f"create_certs_tool_config = {folder}/localca.conf\n"
        f"create_certs_tool_options = {folder}/localca.options\nactive_pcr_banks = sha256\n", encoding="utf-8")


def vendor_root(folder):
    """Path of the vendor's root certificate, PEM: what a service must trust to know the vendor's TPMs."""
    return pathlib.Path(folder).resolve() / ROOT_CERTIFICATE


def manufacture(state, vendor, name):
    """A new TPM in folder `state`: RSA-2048 EK with certificate in NV, SHA-256 bank only."""
    state = pathlib.Path(state).resolve()
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700, parents=True)
    run("swtpm_setup", "--tpm2", "--tpmstate", state, "--create-ek-cert", "--lock-nvram", "--pcr-banks", "sha256",
        "--config", pathlib.Path(vendor).resolve() / "swtpm_setup.conf", "--vmid", name, "--overwrite")


def start(state, control, server=None, log=None):
    """Starts swtpm over Unix sockets: for QEMU `control` alone, for programs also `server`. Ends with its client."""
    words = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={pathlib.Path(state).resolve()},mode=0600",
             "--ctrl", f"type=unixio,path={control},mode=0600", "--terminate", "--seccomp", "action=kill"]
    if server:
        # A program connects and disconnects as it likes; only we end this one.
        words.remove("--terminate")
        words += ["--server", f"type=unixio,path={server},mode=0600", "--flags", "not-need-init,startup-clear"]
    if log:
        words += ["--log", f"file={log},level=1"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    while not all(os.path.exists(path) for path in (control, server) if path):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            text = process.stderr.read().decode(errors="replace").strip()
            raise VirtualDeviceError(f"swtpm does not start: {text}. Next: is another one using {state}?")
        time.sleep(0.01)
    process.stderr.close()
    return process
