"""The AWS CLI's CRT client: the transfer manager that `aws s3 cp` of CLI 2 uses, without the CLI around it.

PyPI's AWS CLI is version 1, which has no CRT client and ignores `preferred_transfer_client = crt`; its library
s3transfer has the same manager (s3transfer/crt.py), over the same native client (awscrt).
"""

import os

from botocore.config import Config
from botocore.session import Session
from s3transfer.crt import (
    BotocoreCRTCredentialsWrapper,
    BotocoreCRTRequestSerializer,
    CRTTransferManager,
    create_s3_crt_client,
)

import job

session = Session()
region = os.environ["AWS_REGION"]
serializer = BotocoreCRTRequestSerializer(
    session,
    {
        "region_name": region,
        "endpoint_url": os.environ["AWS_ENDPOINT_URL"],
        "config": Config(s3={"addressing_style": "path"}),
    },
)
credentials = BotocoreCRTCredentialsWrapper(session.get_credentials()).to_crt_credentials_provider()
manager = CRTTransferManager(create_s3_crt_client(region, credentials, use_ssl=False), serializer)


def down_large(directory, bucket, key):
    manager.download(bucket, key, str(directory / "large")).result()


def up_large(directory, bucket, key):
    manager.upload(str(directory / "large"), bucket, key).result()


def down_small(directory, bucket, prefix):
    names = [f"{number:04}" for number in range(job.COUNT)]
    wait([manager.download(bucket, prefix + name, str(directory / name)) for name in names])


def up_small(directory, bucket, prefix):
    names = [f"{number:04}" for number in range(job.COUNT)]
    wait([manager.upload(str(directory / name), bucket, prefix + name) for name in names])


def wait(futures):
    for future in futures:
        future.result()


if __name__ == "__main__":
    with manager:
        job.run({"down-large": down_large, "up-large": up_large, "down-small": down_small, "up-small": up_small})
