#!/usr/bin/env python3
"""Counts the lines of code that an owner has to trust, room by room, and keeps docs/tcb.md true.

  tools/checks/tcb.py            check: no count on the page is off by more than 5 %
  tools/checks/tcb.py --write    write the page anew

A line counts if it has code: no blank lines, no comments, no tests, no fuzz drivers, no test helpers."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/tcb.md"
TOLERANCE = 0.05
PARTS = {
    "Monitor (owns the TPM)": ["device/monitor", "device/attestor", "device/root_of_trust/tpm2", "protocol/monitor_ipc",
                               "protocol/app_measurement"],
    "Launcher of apps (makes the walls)": [
        "device/apps/compartment", "device/apps/control", "device/apps/egress", "device/apps/gpio", "device/apps/hardware",
        "device/apps/house", "device/apps/housekeeping", "device/apps/installation", "device/apps/lifecycle", "device/apps/machine",
        "device/apps/measurement",
        "device/apps/packages", "device/apps/policy", "device/apps/powers", "device/apps/program", "device/apps/storage", "device/apps/walls",
        "device/apps/words",
        "device/console", "protocol/app_wire", "protocol/apps_ipc"],
    "Resolver of apps (a process without privileges)": ["device/apps/names", "protocol/dns"],
    "Package parser (reads what an owner signed)": ["protocol/image", "protocol/erofs", "protocol/manifest",
                                                    "protocol/json"],
    "Sandbox (what all of them confine themselves with)": ["common/sandbox"],
    "First process and its launcher": ["device/init", "device/init_wire", "device/boot", "device/devmapper"],
}
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)


def counts(path):
    if path.suffix not in (".cc", ".h") or "testing" in path.parts or "testdata" in path.parts:
        return False
    return not path.stem.endswith(("_test", "_fuzz"))


def lines_of(room):
    total = 0
    for path in sorted((ROOT / room).rglob("*")):
        if path.is_file() and counts(path):
            total += sum(1 for line in COMMENT.sub("", path.read_text(encoding="utf-8")).splitlines() if line.strip())
    return total


def measure():
    out = {}
    for part, rooms in PARTS.items():
        missing = [room for room in rooms if not (ROOT / room).is_dir()]
        if missing:
            sys.exit(f"tcb: {', '.join(missing)} is missing. Next: correct PARTS in tools/checks/tcb.py.")
        out[part] = {room: lines_of(room) for room in rooms}
    return out


def page(measured):
    rows = [f"| {part} | {sum(rooms.values())} | {', '.join(f'`{room}` {count}' for room, count in rooms.items())} |"
            for part, rooms in measured.items()]
    total = sum(sum(rooms.values()) for rooms in measured.values())
    return "\n".join([
        "# What has to be trusted on a device",
        "",
        "Lines of our own code, without blank lines, comments and tests, counted by `tools/checks/tcb.py --write`; the check",
        "of the tree fails when a number here is off by more than 5 %. Below them are the kernel, the C library, OpenSSL's",
        "libcrypto, tpm2-tss and libseccomp. The agent is not among them: it has the network, and neither keys nor powers.",
        "",
        "| Part | Lines | Rooms |", "|---|---|---|", *rows, f"| Together | {total} | |", ""])


def written(text):
    """{room: count} of the page."""
    return {room: int(count) for room, count in re.findall(r"`([\w/]+)` (\d+)", text)}


def main():
    measured = measure()
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(measured), encoding="utf-8")
        return 0
    said = written(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    now = {room: count for rooms in measured.values() for room, count in rooms.items()}
    off = [room for room, count in now.items() if abs(count - said.get(room, 0)) > TOLERANCE * count]
    if off or said.keys() != now.keys():
        print(f"docs/tcb.md is out of date ({', '.join(off) or 'rooms'}). Next: tools/checks/tcb.py --write", file=sys.stderr)
        return 1
    print(f"tcb: {sum(now.values())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
