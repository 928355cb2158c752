"""Programs of other languages than the SDK's, each a static file that knows nothing of Pavise but its environment."""
import os
import pathlib
import shutil
import unittest

from tests.e2e.workshop import run

HERE = pathlib.Path(__file__).parent


def compile_rust(out):
    """The toolchain's own target, with the C library in it: no other needs to be installed."""
    run(found("rustc"), "--edition", "2021", "-O", "-C", "strip=symbols", "-C", "target-feature=+crt-static", "-o", out,
        HERE / "static_app.rs")


def compile_go(out):
    """Without C, as it is whenever no package asks for it."""
    run("env", "CGO_ENABLED=0", f"GOCACHE={out.parent}/go-cache", "GO111MODULE=off", found("go"), "build", "-trimpath",
        "-ldflags=-s -w", "-o", out, HERE / "static_app.go")


def found(compiler):
    """PATH's; unittest.SkipTest without one."""
    path = shutil.which(compiler, path=os.environ["PATH"] + os.pathsep + str(pathlib.Path.home() / ".cargo/bin"))
    if path is None:
        raise unittest.SkipTest(f"{compiler} is not installed")
    return path
