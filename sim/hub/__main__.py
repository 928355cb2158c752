"""Entry of ./run --hub: a hub alone, for programs of the official Azure IoT SDKs and for somebody's CI."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import time

from sim.hub.hub_house import MESSAGE_ROUTING, STORE_OPTION, HubHouse
from sim.walk.house import ROOT
from sim.walk.steps import StepFailed, Steps

DEFAULT_STATE = ROOT / ".pavise-hub"
# Given to the server as they are.
STORE_OPTIONS = {"url": "keep uploaded files in this S3-compatible store", "bucket": "its bucket",
                 "keys": "file with its keys, mode 0600", "region": "its region (default: us-east-1)",
                 "ca": "its certificate authorities (default: the system's)"}


def parse_arguments(words):
    parser = argparse.ArgumentParser(prog="./run --hub", description="Start a hub alone.")
    parser.add_argument("--hub", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--host", metavar="NAME", default="127.0.0.1",
                        help="name or address that clients use, with a dot in it (default: 127.0.0.1)")
    parser.add_argument("--listen", metavar="ADDRESS", default="127.0.0.1",
                        help="address to listen on; 0.0.0.0 for other machines and containers (default: 127.0.0.1)")
    parser.add_argument("--name", default="hub1", help="name of the hub (default: hub1)")
    parser.add_argument("--device", metavar="ID", default="device-1", help="device to make (default: device-1)")
    parser.add_argument("--mqtt-port", type=int, default=8883, metavar="N",
                        help="0: any free one; official clients know only 8883 (the default)")
    parser.add_argument("--amqp-port", type=int, default=5671, metavar="N",
                        help="0: any free one; official clients know only 5671 (the default)")
    parser.add_argument("--https-port", type=int, default=443, metavar="N",
                        help="0: any free one; official clients know only 443 (the default)")
    parser.add_argument("--message-routing", action="store_true",
                        help="bring messages to webhooks, NATS and Kafka; see docs/hub.md")
    for option, what in STORE_OPTIONS.items():
        parser.add_argument(f"--file-store-{option}", metavar=option.upper(), help=what)
    parser.add_argument("--once", action="store_true", help="start it, check that it answers, stop it, exit")
    parser.add_argument("--json", metavar="FILE", help="write what clients need, once the hub is ready")
    parser.add_argument("--clean", action="store_true", help="remove all that ./run --hub made")
    parser.add_argument("--state", default=str(DEFAULT_STATE), metavar="DIR", help="default: .pavise-hub")
    return parser.parse_args(words)


def trust_lines(ca):
    """One line for each language of the official SDKs: how its programs come to trust our CA."""
    return {
        "Node.js": f"NODE_EXTRA_CA_CERTS={ca} node program.js",
        "Python": f'IoTHubDeviceClient.create_from_connection_string(text, server_verification_cert=open("{ca}").read())',
        "C": f'IoTHubDeviceClient_SetOption(client, OPTION_TRUSTED_CERT, /* the text of {ca} */)',
        "C#": f"SSL_CERT_FILE={ca} dotnet run",
        "Java": f"keytool -importcert -noprompt -alias pavise -file {ca} -keystore trust.p12 -storepass changeit"
                " && java -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit ...",
    }


def show(facts):
    print(f"""
The hub is ready after {facts['seconds_to_ready']:.1f} s: MQTT on {facts['ports']['mqtt']}, AMQP on \
{facts['ports']['amqp']}, HTTPS and WebSockets on {facts['ports']['https']}.

A service connects with
  {facts['connection_strings']['iothubowner']}
a device with
  {facts['connection_strings']['device']}
Both have to trust
  {facts['ca_file']}""")
    width = max(map(len, facts["trust"]))
    for language, line in facts["trust"].items():
        print(f"  {language:<{width}}  {line}")
    print(f"""
In another terminal:
  export PATH={facts['programs']}:$PATH PAVISE_CONTEXT={facts['context']}
  pavise hub device-identity create -d my-device
  pavise hub connection-string show --device my-device
  pavise hub monitor-events
docs/hub.md has more.""", flush=True)


def write_json(path, steps, facts):
    """Whole or not at all: who waits for the file reads it at once."""
    path = pathlib.Path(path)
    waiting = path.with_name(path.name + ".part")
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds keys
    os.close(descriptor)
    steps.write_json(waiting, facts)
    waiting.replace(path)


def clean(state):
    state = pathlib.Path(state)
    if not state.exists():
        print(f"nothing to remove: {state} does not exist")
        return 0
    HubHouse(state, "127.0.0.1", "127.0.0.1", 0, 0, 0).stop_server()
    shutil.rmtree(state)
    print(f"removed {state}")
    return 0


def start(house, arguments, steps):
    """All steps; returns what clients need."""
    begin = time.monotonic()
    with steps.step("server up") as facts:
        house.prepare()
        started = house.start_server()
        facts["shown"] = f"on {arguments.listen}" + ("" if started else ", was running")
    with steps.step("hub made") as facts:
        fresh = house.make_hub(arguments.name)
        facts["shown"] = arguments.name + ("" if fresh else ", reused")
    with steps.step("device made") as facts:
        fresh = house.make_device(arguments.name, arguments.device)
        facts["shown"] = arguments.device + ("" if fresh else ", reused")
    with steps.step("connection strings") as facts:
        strings = house.connection_strings(arguments.name, arguments.device)
        facts["shown"] = f"host name {arguments.host}"
    ca = house.server_dir / "service-ca.pem"
    return {"hub": arguments.name, "device": arguments.device, "host_name": arguments.host,
            "ports": house.client_ports(), "connection_strings": strings, "ca_file": str(ca),
            "context": str(house.context), "programs": str(house.programs), "trust": trust_lines(ca),
            "seconds_to_ready": round(time.monotonic() - begin, 3)}


def main(words):
    arguments = parse_arguments(words)
    if arguments.clean:
        return clean(arguments.state)
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    steps = Steps()
    words = [MESSAGE_ROUTING] if arguments.message_routing else []
    for option in STORE_OPTIONS:
        if value := getattr(arguments, f"file_store_{option}"):
            words += [STORE_OPTION + option, value]
    house = HubHouse(arguments.state, arguments.host, arguments.listen, arguments.mqtt_port, arguments.amqp_port,
                     arguments.https_port, words)
    facts = {}
    status = 0
    try:
        facts = start(house, arguments, steps)
        show(facts)
        if arguments.json:
            write_json(arguments.json, steps, facts)
        if arguments.once:
            print("\nEvery step held.")
        else:
            print("\nIt stays up until Ctrl-C.", flush=True)
            while True:
                time.sleep(3600)
    except StepFailed:
        status = 1
        if arguments.json:
            write_json(arguments.json, steps, facts)
    except KeyboardInterrupt:
        status = 0 if facts and not arguments.once else 130
        print("\nStopping what was started here", flush=True)
    finally:
        # However it came to its end: a (second) Ctrl-C must not cut the orderly stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if house.started_server:
            house.stop_server()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
