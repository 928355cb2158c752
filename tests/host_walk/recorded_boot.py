"""A boot that was recorded on a virtual machine, repeated in a software TPM."""
import hashlib
import pathlib
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDED = ROOT / "protocol/eventlog/testdata/corpus/event_log_fuzz/uki_boot"
SHA256 = 0x000B
NO_ACTION = 3
JUDGED = (4, 7, 11)


class RecordedBoot:
    """The log of the boot (SHA-256 bank only), the PCRs that it leads to, and a release that fits it."""

    def __init__(self):
        raw = RECORDED.read_bytes()
        header = 8 + 20
        spec_size, = struct.unpack_from("<I", raw, header)
        self.log = raw[:header + 4 + spec_size]
        self.extends = []
        for pcr, kind, digest, data in self._events(raw, header + 4, spec_size):
            # A TPM without firmware starts at locality 0, whatever the recorded one did.
            if kind == NO_ACTION and data.startswith(b"StartupLocality"):
                continue
            self.log += struct.pack("<IIIH", pcr, kind, 1, SHA256) + digest + struct.pack("<I", len(data)) + data
            if kind != NO_ACTION:
                self.extends.append((pcr, digest))

    @staticmethod
    def _events(raw, spec_at, spec_size):
        count, = struct.unpack_from("<I", raw, spec_at + 24)
        sizes = dict(struct.unpack_from("<HH", raw, spec_at + 28 + 4 * i) for i in range(count))
        at = spec_at + spec_size
        while at < len(raw):
            pcr, kind, digests = struct.unpack_from("<III", raw, at)
            at += 12
            sha256 = b""
            for _ in range(digests):
                algorithm, = struct.unpack_from("<H", raw, at)
                digest = raw[at + 2:at + 2 + sizes[algorithm]]
                at += 2 + sizes[algorithm]
                if algorithm == SHA256:
                    sha256 = digest
            size, = struct.unpack_from("<I", raw, at)
            yield pcr, kind, sha256, raw[at + 4:at + 4 + size]
            at += 4 + size

    def repeat(self, tcti):
        for pcr, digest in self.extends:
            subprocess.run(["tpm2_pcrextend", "-T", tcti, f"{pcr}:sha256={digest.hex()}"], check=True)

    def release(self):
        values = {}
        for pcr, digest in self.extends:
            values[pcr] = hashlib.sha256(values.get(pcr, bytes(32)) + digest).digest()
        events = [{"pcr": pcr, "digest": digest.hex(), "component": "kernel" if pcr == 11 else "firmware",
                   "name": f"event {number}"} for number, (pcr, digest) in enumerate(self.extends) if pcr in JUDGED]
        return {"profile": "pavise-release-1", "name": "pavise-os", "version": "0.1.0", "security_epoch": 1,
                "created": "2026-11-22T00:00:00Z",
                "pcrs": [{"pcr": pcr, "digest": values.get(pcr, bytes(32)).hex()} for pcr in (*JUDGED, 12, 14)],
                "events": events, "runtime": [], "platforms": [], "cmdline": "",
                "components": [{"name": "kernel", "digest": "00" * 32}]}
