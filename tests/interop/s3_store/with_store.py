"""Runs a program while the store is there: PAVISE_S3_URL, PAVISE_S3_ACCESS_KEY, PAVISE_S3_SECRET and, over TLS,
PAVISE_S3_CA name it.

    python3 -m tests.interop.s3_store.with_store PROGRAM [WORD...]"""
import os
import subprocess
import sys
import tempfile

from tests.interop.s3_store.store import ACCESS_KEY, SECRET, Store


def main():
    with tempfile.TemporaryDirectory(prefix="pavise-s3-") as folder, Store(folder, tls=True) as store:
        environment = {**os.environ, "PAVISE_S3_URL": store.url, "PAVISE_S3_ACCESS_KEY": ACCESS_KEY,
                       "PAVISE_S3_SECRET": SECRET, "PAVISE_S3_CA": store.certificate.read_text(encoding="utf-8")}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
