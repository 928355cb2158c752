#!/usr/bin/env python3
"""Keeps the documentation true.

- Every relative link in a Markdown file points at something that exists.
- Every error code in the sources has exactly one definition and one row in docs/errors.md, which
  `tools/checks/docs.py --write` generates from the sources.
- Every test that a document names as `test: Suite.Name`, `test: file.py::name` or `test: file.test.mjs::title` exists.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ERRORS_PAGE = ROOT / "docs/errors.md"
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
ERROR_INFO = re.compile(
    r'ErrorInfo\s+k\w+\s*\{\s*"(PV-[A-Z]{3}-\d{3})"\s*,\s*(?:\w+::)*Retry::(\w+)\s*,\s*'
    r'((?:"(?:[^"\\]|\\.)*"\s*)+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}')
NAMED_TEST = re.compile(r"`test: (\w+\.\w+(?:::\w+)?|\w+\.test\.mjs::[^`]+)`")
NODE_TEST = re.compile(r"\btest\((['`])(.+?)\1,")
GTEST = re.compile(r"^\s*(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\(\s*(\w+),\s*(\w+)\s*\)", re.M)


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT,
                         check=True, capture_output=True, text=True).stdout.split("\n")
    return [name for name in out if name and (ROOT / name).exists()]


def joined(literals):
    return "".join(part.replace('\\"', '"') for part in re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def error_rows():
    rows, problems = {}, []
    for name in tracked("*.h", "*.cc"):
        if name.endswith("_test.cc"):
            continue
        text = (ROOT / name).read_text()
        for code, retry, what, step in ERROR_INFO.findall(text):
            if code in rows:
                problems.append(f"{name}: {code} is also defined in {rows[code][0]}")
            rows[code] = (name, retry, joined(what), joined(step))
    return rows, problems


def errors_page(rows):
    lines = ["# Error codes", "",
             "Generated from the sources by `tools/checks/docs.py --write`. A code never changes its meaning.",
             "Retry: *never* (the same input fails the same way), *later* (passing condition),",
             "*after_reattest* (the device attests again first), *needs_operator* (a person changes something).", ""]
    area = None
    for code in sorted(rows):
        name, retry, what, step = rows[code]
        if code[3:6] != area:
            area = code[3:6]
            lines += [f"## PV-{area} ({pathlib.PurePosixPath(name).parent})", "",
                      "| Code | What failed | Next step | Retry |", "|---|---|---|---|"]
        cell = lambda text: text.replace("|", "\\|")
        lines.append(f"| {code} | {cell(what)} | {cell(step)} | {retry} |")
        following = sorted(c for c in rows if c > code)
        if following and following[0][3:6] != area:
            lines.append("")
    return "\n".join(lines) + "\n"


def broken_links():
    for name in tracked("*.md"):
        folder = (ROOT / name).parent
        for target in LINK.findall((ROOT / name).read_text()):
            if "://" not in target and not target.startswith("mailto:") and not (folder / target).exists():
                yield f"{name}: link to {target}, which does not exist"


def missing_tests():
    known = set()
    for name in tracked("*.cc"):  # contract suites stand outside *_test.cc
        known |= {f"{suite}.{test}" for suite, test in GTEST.findall((ROOT / name).read_text())}
    for name in tracked("tests/*.py", "*/tests/*.py"):
        for test in re.findall(r"def (test_\w+)", (ROOT / name).read_text()):
            known.add(f"{pathlib.PurePosixPath(name).name}::{test}")
    for name in tracked("*.test.mjs"):
        for _, title in NODE_TEST.findall((ROOT / name).read_text()):
            known.add(f"{pathlib.PurePosixPath(name).name}::{title}")
    for name in tracked("*.md"):
        for test in NAMED_TEST.findall((ROOT / name).read_text()):
            if test not in known:
                yield f"{name}: names the test {test}, which does not exist"


def main():
    rows, problems = error_rows()
    page = errors_page(rows)
    if "--write" in sys.argv:
        ERRORS_PAGE.write_text(page)
    elif not ERRORS_PAGE.exists() or ERRORS_PAGE.read_text() != page:
        problems.append("docs/errors.md does not match the sources. Next: tools/checks/docs.py --write")
    problems += [*broken_links(), *missing_tests()]
    print("\n".join(problems) if problems else f"docs: {len(rows)} error codes, links and named tests hold")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
