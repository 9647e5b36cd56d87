"""Where the benchmark runs: programs, directories, the S3 server, the environment of everything that is started."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "setup"))

import images  # noqa: E402  (tests/setup makes the same image for the tests)

GIB = 1 << 30
SMALL = 10 * 1024
SMALL_COUNT = 1000

# Bodies are not signed: over HTTPS, which a real store has, the CLI does not sign them either.
CLI_CONFIGURATION = """[default]
region = us-east-1
s3 =
  payload_signing_enabled = false
  addressing_style = path
"""


class Setting:
    """Holds what all sections share; a context manager, so that the server ends with the benchmark."""

    def __init__(self):
        self.binary = Path(os.environ["SUPERVISOR_BIN"])
        self.transfer = Path(os.environ["TRANSFER_BIN"])
        self.venv = Path(os.environ["VENV"])
        self.work = Path(os.environ["BENCH_WORK"])
        self.server = None
        self.notes = []

    def __enter__(self):
        images.busybox(str(self.work))
        self.buckets = self.work / "s3"
        self._objects(self.buckets / "in")
        self.server = subprocess.Popen(
            [self.program("s3_server"), self.buckets], stdout=subprocess.PIPE, text=True
        )
        self.endpoint = f"http://127.0.0.1:{int(self.server.stdout.readline())}"
        (self.work / "aws.cfg").write_text(CLI_CONFIGURATION)
        self.cli = f"aws s3 cp (AWS CLI {self.versions().get('awscli', 'not found')})"
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()

    def _objects(self, bucket):
        """Random bytes: nothing on the way may gain by compressing or by a hole in a file."""
        (bucket / "many").mkdir(parents=True)
        block = os.urandom(1 << 20)
        with open(bucket / "large", "wb") as file:
            for _ in range(GIB // len(block)):
                file.write(block)
        (bucket / "one").write_bytes(b"1")
        for number in range(SMALL_COUNT):
            (bucket / "many" / f"{number:04}").write_bytes(block[number : number + SMALL])
        with tarfile.open(bucket / "many.tar", "w") as archive:
            archive.add(bucket / "many", arcname="")

    def program(self, name):
        return self.work / "programs" / name

    def fresh(self, name):
        """A new directory; each iteration gets its own."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.work))

    def environment(self, **more):
        """Nothing of the caller's but PATH; the same for everything that is started."""
        variables = {
            "PATH": f"{self.venv}/bin:{os.environ['PATH']}",
            "HOME": str(self.work),
            "TMPDIR": str(self.work),
            "AWS_ACCESS_KEY_ID": "AKIDBENCH",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": str(self.work / "aws.cfg"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "UDOCKER_DIR": str(self.work / "udocker"),
            "UDOCKER_EXEC": str(self.venv / "bin" / "udocker"),
            "UDOCKER_TARBALL": "",
            "UDOCKER_USE_PROOT_EXECUTABLE": shutil.which("proot"),
        }
        return variables | {name: str(value) for name, value in more.items()}

    def configuration(self, init_script=None):
        """A function_config.yaml with its script; answers the file."""
        directory = self.fresh("configuration")
        lines = [
            "container:",
            f"  image_file: {self.work}/busybox.tar",
            "  execmode: P1",
            "output:",
            "  - storage_provider: s3",
            "    path: out/result",
        ]
        if init_script is not None:
            (directory / "script.sh").write_text(init_script)
            lines.append(f"init_script: {directory}/script.sh")
        file = directory / "function_config.yaml"
        file.write_text("\n".join(lines) + "\n")
        return file

    def s3_event(self, key):
        size = (self.buckets / "in" / key).stat().st_size
        s3 = {"bucket": {"name": "in"}, "object": {"key": key, "size": size}}
        return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]}

    def supervise(self, key, configuration):
        """One invocation in a terminal; answers the report of `--json`."""
        event = configuration.parent / "event.json"
        event.write_text(json.dumps(self.s3_event(key)))
        command = [self.binary, "--event", event, "--config", configuration, "--json"]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        report = json.loads(done.stdout) if done.stdout else {"outcome": "nothing was printed"}
        if done.returncode != 0:
            raise SystemExit(f"bench: the supervisor failed: {report}\n{done.stderr}")
        return report

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/-/reset", method="POST")).close()

    def stored(self):
        """Objects and bytes that the server has received since the reset, and its seconds from first request to last answer."""
        with urllib.request.urlopen(f"{self.endpoint}/-/stored") as answer:
            objects, size, nanoseconds = map(int, answer.read().split())
        return objects, size, nanoseconds / 1e9

    def expect_stored(self, objects, size):
        """Stops the benchmark when a client sent less than it should have: a fast failure is no result."""
        stored = self.stored()[:2]
        if stored != (objects, size):
            raise SystemExit(f"bench: expected {(objects, size)} objects and bytes at the server, found {stored}")

    def server_seconds(self):
        """CPU time the server has used so far."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def machine(self):
        """What it ran on, without its name."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return {
            "architecture": platform.machine(),
            "cores": os.cpu_count(),
            "memory_gb": round(memory / 1e9, 1),
            "kernel": f"Linux {platform.release()}",
            "files_on": self.files_on(),
            "load_average": round(os.getloadavg()[1], 1),
            "versions": {"python": platform.python_version()} | self.versions(),
        }

    def files_on(self):
        return subprocess.run(["stat", "-f", "-c", "%T", self.work], capture_output=True, text=True).stdout.strip()

    def describe(self, seconds):
        versions = [f"Linux {platform.release()}", f"Python {platform.python_version()}"]
        versions += [f"{name} {version}" for name, version in self.versions().items()]
        return [
            f"One run of {seconds:.0f} s on {os.cpu_count()} cores, which clients and server share; load average "
            f"{os.getloadavg()[1]:.1f}; all files on {self.files_on()}; plain HTTP on the loopback.",
            "'ours is better by' below 1: the other is better. Targets compare medians.",
            f"{', '.join(versions)}.",
            *self.notes,
        ]

    def versions(self):
        code = (
            "import importlib.metadata as m\n"
            "for name in ('boto3', 'awscli', 'awscrt', 'awslambdaric', 'udocker'):\n"
            "    try: print(name, m.version(name))\n"
            "    except m.PackageNotFoundError: pass\n"
        )
        listed = subprocess.run([self.venv / "bin" / "python", "-c", code], capture_output=True, text=True).stdout
        return dict(line.split() for line in listed.splitlines())
