"""boto3 as a careful user writes it: one client, its default TransferConfig for a large file, threads for many small.

    boto3_transfer.py down-large|up-large|down-small|up-small DIRECTORY BUCKET KEY-OR-PREFIX

Prints the seconds of the transfer alone (imports and the client are ready by then) and its peak memory in kB. Bodies
are not signed: over HTTPS, which a real store has, boto3 does not sign them either.
"""

import concurrent.futures
import pathlib
import sys
import time

import boto3
from botocore.config import Config

# As many threads as s3transfer has by default; measured: 16 and 32 are slower.
THREADS = 10


def main():
    job, directory, bucket, key = sys.argv[1:]
    directory = pathlib.Path(directory)
    client = boto3.client(
        "s3",
        config=Config(max_pool_connections=THREADS, s3={"payload_signing_enabled": False, "addressing_style": "path"}),
    )

    def get(number):
        answer = client.get_object(Bucket=bucket, Key=f"{key}{number:04}")
        (directory / f"{number:04}").write_bytes(answer["Body"].read())

    def put(file):
        with open(file, "rb") as body:
            client.put_object(Bucket=bucket, Key=key + file.name, Body=body)

    files = sorted(directory.iterdir())
    began = time.monotonic()
    if job == "down-large":
        client.download_file(bucket, key, str(directory / "large"))
    elif job == "up-large":
        client.upload_file(str(directory / "large"), bucket, key)
    else:
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(get, range(1000)) if job == "down-small" else pool.map(put, files):
                pass
    seconds = time.monotonic() - began
    status = pathlib.Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    print(seconds, peak)


if __name__ == "__main__":
    main()
