"""boto3 as a careful user writes it: one client, its default TransferConfig for a large file, threads for many small.

Bodies are not signed: over HTTPS, which a real store has, boto3 does not sign them either.
"""

from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

import job

# As many threads as s3transfer has by default; measured: 16 and 32 are slower.
THREADS = 10

client = boto3.client(
    "s3",
    config=Config(max_pool_connections=THREADS, s3={"payload_signing_enabled": False, "addressing_style": "path"}),
)


def down_large(directory, bucket, key):
    client.download_file(bucket, key, str(directory / "large"))


def up_large(directory, bucket, key):
    client.upload_file(str(directory / "large"), bucket, key)


def down_small(directory, bucket, prefix):
    def get(number):
        answer = client.get_object(Bucket=bucket, Key=f"{prefix}{number:04}")
        (directory / f"{number:04}").write_bytes(answer["Body"].read())

    in_threads(get, range(job.COUNT))


def up_small(directory, bucket, prefix):
    def put(number):
        with open(directory / f"{number:04}", "rb") as body:
            client.put_object(Bucket=bucket, Key=f"{prefix}{number:04}", Body=body)

    in_threads(put, range(job.COUNT))


def in_threads(function, items):
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(function, items))


if __name__ == "__main__":
    job.run({"down-large": down_large, "up-large": up_large, "down-small": down_small, "up-small": up_small})
