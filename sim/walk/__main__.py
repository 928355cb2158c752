"""Entry of ./run. See the script's own help."""
import argparse
import os
import pathlib
import shlex
import shutil
import signal
import sys
import time

from sim import vdev
from sim.walk import tour
from sim.walk.house import ROOT, House
from sim.walk.steps import StepFailed, Steps
from sim.walk.walk import DEVICE, Walk


def parse_arguments(words):
    parser = argparse.ArgumentParser(prog="./run", description="Show Pavise from silicon to service.")
    parser.add_argument("--once", action="store_true", help="show it, stop what it started, exit")
    parser.add_argument("--tour", action="store_true", help="also show what bad input gets; implies --once")
    parser.add_argument("--json", metavar="FILE", help="write the steps with times and digests")
    parser.add_argument("--clean", action="store_true", help="remove all that ./run made")
    parser.add_argument("--app", action="append", default=[], metavar="FILE", type=pathlib.Path,
                        help="package of an app for the device (pavise app build); may be repeated")
    parser.add_argument("--app-owner-key", metavar="PEM", type=pathlib.Path,
                        help="public key that signs apps for the device; without it ./run makes a key")
    parser.add_argument("--state", default=os.environ.get("PAVISE_STATE", str(ROOT / ".pavise")), metavar="DIR",
                        help="default: $PAVISE_STATE or .pavise")
    options = parser.parse_args(words)
    if options.app and not options.app_owner_key:
        parser.error("--app needs --app-owner-key, the .pub file beside the owner's key")
    for path in [*options.app, *filter(None, [options.app_owner_key])]:
        if not path.exists():
            parser.error(f"{path} is not there; pavise app build and pavise app key create make them")
    return options


def clean(state):
    """Stops what runs from this state and removes it. Touches nothing else."""
    state = pathlib.Path(state)
    if not state.exists():
        print(f"nothing to remove: {state} does not exist")
        return 0
    house = House(state)
    for folder in sorted((state / "devices").glob("*")):
        vdev.Device(folder).stop()
    house.stop_server()
    shutil.rmtree(state)
    print(f"removed {state}")
    return 0


def stay_up(walk):
    print(f"""
It stays up until Ctrl-C. In another terminal:
  . {shlex.quote(str(walk.house.shell_settings))}
  pavise device evidence {DEVICE}     each measurement in words
  pavise telemetry watch {DEVICE}     live
  pavise device disable {DEVICE}      the hub closes its connection within a second
  pavise app new blink --template telemetry
  pavise app run blink --on {DEVICE}  an app of yours, built, signed and running there: docs/first-app.md
  ./run --tour                    what bad input gets
The device's console: {walk.device_dir}/console.log""", flush=True)
    while True:
        time.sleep(3600)


def main(words):
    arguments = parse_arguments(words)
    if arguments.clean:
        return clean(arguments.state)
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    steps = Steps()
    walk = Walk(arguments.state, steps, arguments.app_owner_key, arguments.app)
    status = 0
    try:
        walk.all_steps()
        if arguments.tour:
            tour.show(walk)
        if arguments.once or arguments.tour:
            print("\nEvery step held.")
        else:
            stay_up(walk)
    except StepFailed:
        status = 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the orderly stop
        status = 0 if not (arguments.once or arguments.tour) and walk.device_id else 130
        print("\nStopping what was started here", flush=True)
    finally:
        walk.stop()
        if arguments.json:
            steps.write_json(arguments.json, {"device_id": walk.device_id, "digests": walk.digests})
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
