"""The owner's side of the walk: programs, server, command line and image, each reused while it is valid."""
import contextlib
import hashlib
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import time

from sim.walk.steps import StepFailed, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin"))
PORTS = {"management": 8443, "device": 8444, "hub": 8883, "hub_https": 8445}
HUB_NAME = "hub.pavise.internal"
HOST_SEEN_BY_GUEST = "10.0.2.2"  # QEMU's user network: the host's loopback


def program(name):
    path = PROGRAMS / name
    if not path.exists():
        raise StepFailed(f"{name} is not built", "Run ./run from the project's folder; it builds what is missing.")
    return path


def run_checked(command, what, next_step="", **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        tail = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise StepFailed(f"{what}: {' / '.join(tail) or 'exit ' + str(done.returncode)}", next_step)
    return done.stdout


def write_private(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:  # it has gone meanwhile
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def free_ports(wanted):
    """The wanted ports where they are free, any others where not; all differ."""
    chosen, held = {}, []
    for name, port in wanted.items():
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        held.append(listener)
        chosen[name] = listener.getsockname()[1]
    for listener in held:
        listener.close()
    return chosen


class House:
    """State under one folder: server/, keys/, vendor/, image/, devices/, context.json, env, app-owner.pem."""

    def __init__(self, state):
        self.state = pathlib.Path(state).resolve()
        self.server_dir = self.state / "server"
        self.context = self.state / "context.json"
        self.shell_settings = self.state / "env"  # for a person's shell: where the program and the context are
        self.owner_key = self.state / "app-owner.pem"
        self.pid_file = self.state / "server.pid"
        self.started_server = False
        self.server = None  # the process, if this object started it
        # In the server's certificate, besides its host name. Other names: another certificate at the next start.
        self.server_names = [HOST_SEEN_BY_GUEST]
        self.server_words = []  # more of its command line
        self.host_name = HUB_NAME
        self.listen = "127.0.0.1"

    def prepare(self):
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(self.state, 0o700)

    # -- server -----------------------------------------------------------------------------------
    def ports(self):
        """Chosen once for this state; what a newer release wants besides is added."""
        path = self.state / "ports.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        missing = {name: port for name, port in PORTS.items() if name not in kept}
        if missing:
            kept.update(free_ports(missing))
            path.write_text(json.dumps(kept), encoding="utf-8")
        return kept

    def server_pid(self):
        try:
            pid = int(self.pid_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return pid if alive(pid) else None

    def start_server(self):
        """Starts the server unless it runs. Returns True if it was started by this call."""
        if self.server_pid():
            return False
        ports = self.ports()
        log_path = self.state / "server.log"
        ready = self.server_dir / "ports.json"
        ready.unlink(missing_ok=True)
        first_start = not self.context.exists()
        command = [program("pavise-server"), "--state", self.server_dir, "--listen", self.listen,
                   "--management-port", ports["management"], "--device-port", ports["device"],
                   "--hub-port", ports["hub"], "--host-name", self.host_name,
                   *(word for name in ("hub_amqp", "hub_https") if name in ports
                     for word in ("--" + name.replace("_", "-") + "-port", ports[name])),
                   *(word for name in self.server_names for word in ("--san", name)), *self.server_words,
                   "--spawn-signer", program("pavise-signer")]
        output = self.state / "server.first-start"
        with open(log_path, "a", encoding="utf-8") as log:
            out = open(os.open(output, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
            with out:
                self.started_server = True  # also if an interrupt comes before the next line
                self.server = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                               stdout=out, stderr=log, start_new_session=True)
        self.pid_file.write_text(str(self.server.pid), encoding="utf-8")

        def up():
            if self.server.poll() is not None:
                tail = log_path.read_text(encoding="utf-8").strip().splitlines()[-3:]
                raise StepFailed("the server ended at its start: " + " / ".join(tail),
                                 f"Read {log_path}; another program may use its ports.")
            return ready.exists()

        wait_until(up, 30, "the server's start", f"Read {log_path}.", interval_s=0.02)
        if first_start:
            # The token's line comes right after ports.json; none comes from a state that has one already.
            with contextlib.suppress(StepFailed):
                wait_until(lambda: "\n" in output.read_text(encoding="utf-8"), 5, "the token", interval_s=0.02)
            self.make_context(output.read_text(encoding="utf-8"))
        output.unlink()
        return True

    def make_context(self, shown_once):
        token = next((line.split()[-1] for line in shown_once.splitlines() if "token" in line.lower()), None)
        if not token:
            raise StepFailed("the server showed no administrator's token at its first start",
                             "Remove the state with ./run --clean and start again.")
        context = {"current": "run", "contexts": {"run": {
            "url": f"https://127.0.0.1:{self.ports()['management']}",
            "ca": str(self.server_dir / "service-ca.pem"), "token": token}}}
        write_private(self.context, json.dumps(context, indent=2))

    def tell_context(self, **members):
        """Adds to what the context says, whose members are objects; and writes the settings for a person's shell."""
        whole = json.loads(self.context.read_text(encoding="utf-8"))
        mine = whole["contexts"]["run"]
        for name, value in members.items():
            mine[name] = mine.get(name, {}) | value
        write_private(self.context, json.dumps(whole, indent=2))
        words = {"PATH": f"{shlex.quote(str(PROGRAMS))}:$PATH", "PAVISE_CONTEXT": shlex.quote(str(self.context))}
        self.shell_settings.write_text("export " + " ".join(f"{name}={value}" for name, value in words.items()) + "\n",
                                       encoding="utf-8")

    # -- what signs apps --------------------------------------------------------------------------
    def make_owner_key(self):
        """Makes the owner's key of apps unless there is one. Returns True if it is new."""
        public = pathlib.Path(f"{self.owner_key}.pub")
        if self.owner_key.exists() and public.exists():
            return False
        for half in (self.owner_key, public):  # one without the other is what an end in between left
            half.unlink(missing_ok=True)
        self.cli("app", "key", "create", self.owner_key, what="making the owner's key of apps")
        return True

    def stop_server(self):
        pid = self.server_pid()
        if not pid and self.server and self.server.poll() is None:
            pid = self.server.pid  # the folder has gone, with the file
        if pid:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 10
            while alive(pid) and time.monotonic() < deadline:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
                time.sleep(0.05)
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.pid_file.unlink(missing_ok=True)

    # -- the command line, as a person uses it ----------------------------------------------------
    def environment(self):
        return {**os.environ, "PAVISE_CONTEXT": str(self.context), "NO_COLOR": "1"}

    def cli(self, *words, what=None, next_step=""):
        return run_checked([program("pavise"), *words], what or "pavise " + " ".join(map(str, words[:2])),
                           next_step, env=self.environment())

    def cli_json(self, *words, **options):
        return json.loads(self.cli(*words, "-o", "json", **options))

    def try_cli_json(self, *words):
        """Like cli_json, or None while it fails: for polling."""
        try:
            return self.cli_json(*words)
        except (StepFailed, ValueError):
            return None


def tree_digest(paths):
    """One digest over the bytes of files and folders, to know whether something must be made anew."""
    digest = hashlib.sha256()
    for path in sorted(map(pathlib.Path, paths)):
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" in file.parts:
                continue
            digest.update(str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name).encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
