"""The test's side of stop_points.cc: which call of the server or its signer is the last one."""
import mmap
import os
import pathlib
import struct

from tests.host_walk.house import PROGRAMS

LIBRARY = PROGRAMS.parent / "lib/stop-points.so"
COUNTERS = struct.Struct("=QQQ")


class StopPoints:
    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "stop-points"
        self.path.write_bytes(bytes(COUNTERS.size))
        with open(self.path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), COUNTERS.size)

    @property
    def environment(self):
        if not LIBRARY.exists():
            raise AssertionError(f"{LIBRARY} is missing. Next: ninja -C {PROGRAMS.parent} tests_faults_stop_points")
        return {"LD_PRELOAD": os.fspath(LIBRARY), "PAVISE_STOP_POINTS": os.fspath(self.path)}

    @property
    def calls(self):
        return COUNTERS.unpack(self.shared)[0]

    @property
    def stops(self):
        return COUNTERS.unpack(self.shared)[2]

    def arm(self, ahead):
        """The `ahead`-th call from now on is the last one of the process that makes it."""
        self.shared[8:16] = struct.pack("=Q", self.calls + ahead)

    def disarm(self):
        self.shared[8:16] = bytes(8)
