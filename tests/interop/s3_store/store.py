"""The store of a test as a process, an independent client of it, and what may stand between it and the hub."""
import hashlib
import pathlib
import signal
import socket
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
ACCESS_KEY = "pavise:tester"
SECRET = "testing"
BUCKET = "files"


class Store:
    """Swift with its S3 interface, and Debian's s3cmd beside it. Use as a context manager; the folder is the caller's."""

    def __init__(self, folder, tls=False):
        self.folder = pathlib.Path(folder)
        self.tls = tls
        self.certificate, self.key = self.folder / "store.pem", self.folder / "store.key"

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key,
                        "-out", self.certificate], check=True, capture_output=True)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self):
        (self.folder / "swift").mkdir()
        if self.tls:
            self.make_certificate()
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-m", "tests.interop.s3_store.swift_store", self.folder / "swift", "0",
             *((self.certificate, self.key) if self.tls else ())], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True)
        word, _, port = self.process.stdout.readline().partition(" ")
        if word != "ready":
            raise AssertionError("the store did not start")
        self.port = int(port)
        (self.folder / "s3cfg").write_text(
            f"[default]\naccess_key = {ACCESS_KEY}\nsecret_key = {SECRET}\nhost_base = 127.0.0.1:{self.port}\n"
            f"host_bucket = 127.0.0.1:{self.port}\nuse_https = {self.tls}\nca_certs_file = {self.certificate}\n"
            "bucket_location = us-east-1\n", encoding="utf-8")
        self.s3cmd("mb", f"s3://{BUCKET}")
        return self

    def __exit__(self, *failure):
        self.go_on()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stand_still(self):
        """Takes connections and never answers, until it goes on."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def s3cmd(self, *words):
        done = subprocess.run(["s3cmd", "-c", self.folder / "s3cfg", *words], capture_output=True, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AssertionError(f"s3cmd {words}: {done.stderr.decode()}")
        return done.stdout

    def has(self, *objects):
        """Whether these are all that s3cmd sees, by their MD5."""
        lines = self.s3cmd("ls", "--list-md5", "--recursive", f"s3://{BUCKET}").decode().splitlines()
        return sorted(line.split()[3] for line in lines) == sorted(hashlib.md5(each).hexdigest() for each in objects)

    def write_keys(self, name, secret=SECRET):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(f"aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {secret}\n", encoding="utf-8")
        return path


class Front:
    """Passes connections on to the store. It can refuse them, or keep answers to itself."""

    def __init__(self, port):
        self.store_port = port
        self.refusing = False
        self.keeping = False
        self.kept = threading.Event()  # an answer of the store stays here
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            store = socket.create_connection(("127.0.0.1", self.store_port))
            threading.Thread(target=self.pump, args=(client, store, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(store, client, True), daemon=True).start()

    def pump(self, source, sink, answers):
        try:
            while data := source.recv(65536):
                if self.refusing:
                    break
                if answers and self.keeping:
                    self.kept.set()
                    continue
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()  # of which this is the only reader
