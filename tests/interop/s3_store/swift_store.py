"""OpenStack Swift with its S3 interface on loopback, all of it in one process: a real store that checks signatures.

    /usr/bin/python3 -m tests.interop.s3_store.swift_store FOLDER PORT [CERTIFICATE KEY]

keeps its listings in FOLDER and its objects in memory, has the account `pavise:tester` with the secret `testing`, and prints
"ready" when it serves. Debian's python3-swift."""
import pathlib
import socket
import sys

import eventlet

eventlet.monkey_patch()

import eventlet.wsgi  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.utils import FileLikeIter  # noqa: E402,F401
from swift.common.wsgi import loadapp  # noqa: E402

ACCESS_KEY = "pavise:tester"
SECRET = "testing"
REGION = "us-east-1"

# What every part is told: no system log, nothing outside of the folder.
COMMON = """[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
bind_ip = 127.0.0.1
log_level = ERROR
"""
SERVERS = {
    "account": "[pipeline:main]\npipeline = app\n[app:app]\nuse = egg:swift#account\n",
    "container": "[pipeline:main]\npipeline = app\n[app:app]\nuse = egg:swift#container\n",
    "object": "[pipeline:main]\npipeline = app\n[app:app]\nuse = egg:swift#mem_object\n",
}
PROXY = f"""[pipeline:main]
pipeline = catch_errors cache s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = {REGION}
[filter:tempauth]
use = egg:swift#tempauth
user_pavise_tester = {SECRET} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
"""


def listener(port):
    out = eventlet.listen(("127.0.0.1", port), reuse_addr=True)
    out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return out


def make_ring(folder, name, port):
    builder = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    builder.add_dev({"region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1",
                     "replication_port": port, "device": "disk", "id": 0, "meta": ""})
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{name}.ring.gz"))


class Quiet:
    def write(self, text):
        pass

    def flush(self):
        pass


def serve(folder, name, text, sock):
    path = folder / f"{name}.conf"
    path.write_text(COMMON.format(folder=folder) + text, encoding="utf-8")
    app = loadapp(str(path))
    eventlet.spawn(eventlet.wsgi.server, sock, app, log=Quiet(), debug=False, custom_pool=eventlet.GreenPool(256))


def main():
    folder, port = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
    (folder / "devices/disk").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = pavise\nswift_hash_path_prefix = pavise\n",
                                       encoding="utf-8")
    import swift.common.utils as utils
    utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
    utils.validate_hash_conf()
    sockets = {name: listener(0) for name in SERVERS}
    for name, sock in sockets.items():
        make_ring(folder, name, sock.getsockname()[1])
    for name, text in SERVERS.items():
        serve(folder, name, text, sockets[name])
    front = listener(port)
    port = front.getsockname()[1]
    if len(sys.argv) > 3:
        front = eventlet.wrap_ssl(front, certfile=sys.argv[3], keyfile=sys.argv[4], server_side=True)
    serve(folder, "proxy", PROXY, front)
    print(f"ready {port}", flush=True)
    while True:
        eventlet.sleep(3600)


if __name__ == "__main__":
    main()
