#!/usr/bin/env python3
"""Reads every #include of ours against layers.rules. Exit 1 names each forbidden edge.

  tools/checks/layers.py            check the tree
  tools/checks/layers.py --self-test  show that a forbidden include is found
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def load_rules(text):
    rules = {}
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        if line:
            room, _, allowed = line.partition(":")
            rules[room.strip()] = allowed.split()
    return rules


def inside(path, room):
    return path == room or path.startswith(room + "/")


def rule_for(path, rules):
    matches = [room for room in rules if inside(path, room)]
    return max(matches, key=len) if matches else None


def is_test(path):
    name = pathlib.PurePosixPath(path).name
    return (name.endswith(("_test.cc", "_fuzz.cc")) or "/testing/" in path
            or path.startswith(("bench/", "tests/")))


def violations(path, text, rules):
    room = rule_for(path, rules)
    if room is None:
        yield f"{path}: no rule for this folder in layers.rules"
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        target = found.group(1)
        if "/" not in target:
            # A template becomes a folder of its own: its files are beside each other there, and include each other.
            if path.startswith("sdk/templates/"):
                continue
            yield f'{path}:{number}: include "{target}" from the root of the tree'
            continue
        if "/testing/" in target and not is_test(path):
            yield f'{path}:{number}: only tests may include "{target}"'
        own_folder = str(pathlib.PurePosixPath(path).parent)
        allowed = [room, own_folder, *rules[room]]
        # Tests may use any module's testing helpers of their own side.
        if not any(inside(target, a) for a in allowed):
            yield f'{path}:{number}: {room} may not include "{target}"'


def self_test():
    rules = load_rules("common/base:\nprotocol: common/base\n")
    bad = list(violations("protocol/x/x.cc", '#include "device/a.h"\n#include "common/base/b.h"\n', rules))
    assert len(bad) == 1 and "device/a.h" in bad[0], bad
    assert list(violations("common/base/b.cc", '#include "protocol/x.h"\n', rules))
    assert list(violations("protocol/x/x.cc", '#include "protocol/y/testing/t.h"\n', rules))
    assert not list(violations("protocol/x/x_test.cc", '#include "protocol/y/testing/t.h"\n', rules))
    assert list(violations("protocol/x/x.cc", '#include "x.h"\n', rules))
    assert not list(violations("sdk/templates/t/x.c", '#include "x.h"\n', load_rules("sdk: sdk\n")))
    print("layers self-test: ok")


def main():
    if "--self-test" in sys.argv:
        self_test()
        return 0
    rules = load_rules((ROOT / "tools/checks/layers.rules").read_text())
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.h", "*.hpp", "*.c", "*.cc"], cwd=ROOT,
                           check=True, capture_output=True, text=True).stdout.split()
    bad = []
    for name in files:
        path = ROOT / name
        if path.exists() and not name.startswith("cmake/"):
            bad += violations(name, path.read_text(), rules)
    print("\n".join(bad) if bad else f"layers: {len(files)} files, every include allowed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
