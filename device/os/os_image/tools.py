"""Running other programs and saying what takes long."""
import contextlib
import os
import pathlib
import subprocess
import sys
import threading
import time

# Programs see neither the caller's locale nor its clock: outputs must not depend on them.
EPOCH = 1767225600  # 2026-01-01T00:00:00Z
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC",
               "SOURCE_DATE_EPOCH": str(EPOCH), "HOME": os.environ.get("HOME", "/")}
SPEAK_AFTER_S = 2


class BuildError(Exception):
    """The build cannot go on. The message says why and what to do next."""


def run(*command, input=None, env=None, cwd=None):
    """Runs a program to its end and returns its standard output as bytes."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, input=input, capture_output=True, check=False, cwd=cwd,
                              env={**ENVIRONMENT, **(env or {})})
    except FileNotFoundError as error:
        raise BuildError(f"{words[0]} is not installed. Next: run tools/install-dependencies.") from error
    if done.returncode != 0:
        text = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise BuildError(f"{words[0]} failed with exit code {done.returncode}:\n{text}")
    return done.stdout


@contextlib.contextmanager
def step(name):
    """Names a step on standard error if it takes more than two seconds, then every ten, and its time."""
    begin = time.monotonic()
    over = threading.Event()
    state = {"note": "", "spoke": False}

    def speak():
        wait_s = SPEAK_AFTER_S
        while not over.wait(wait_s):
            state["spoke"] = True
            note = f" ({state['note']})" if state["note"] else ""
            print(f"  {name}{note}, {time.monotonic() - begin:.0f} s ...", file=sys.stderr, flush=True)
            wait_s = 10

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield state
    finally:
        over.set()
        speaker.join()
    if state["spoke"]:
        print(f"  {name}: done in {time.monotonic() - begin:.1f} s", file=sys.stderr, flush=True)


def write_if_changed(path, data):
    path = pathlib.Path(path)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)
