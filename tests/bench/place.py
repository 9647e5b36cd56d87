"""A function's place in the imitation of Lambda's sandbox (tests/src/bin/lambda-sandbox), under the profile `observed`."""

import os
import shutil
import subprocess
from pathlib import Path

from runtime_api import Function

# The user and the group of functions.
USER = (993, 990)
ROOT = Path(__file__).resolve().parent.parent.parent
# What of this machine is bound into it: udocker needs its Python, and fakechroot is Debian's; see tests/src/function_root.rs.
DIRECTORIES = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
OF_ETC = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl")
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n",
    "etc/group": "",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
}
# What the platform sets for a runtime of the kind `provided`, as far as it matters here; see tests/src/platform.rs.
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
    "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "TZ": ":UTC",
    "UDOCKER_DIR": "/tmp/shared/udocker",
    "UDOCKER_FAKECHROOT_SO": f"/usr/lib/{os.uname().machine}-linux-gnu/fakechroot/libfakechroot.so",
    "UDOCKER_TARBALL": "",
    "UDOCKER_USE_PATCHELF_EXECUTABLE": str(ROOT / "tests/setup/patchelf"),
}
BOOTSTRAP = Path("/opt/bootstrap")
PROGRAMS = Path("/opt/bench")


def why_not():
    """Why there is no imitation here; None where there is one."""
    if os.geteuid() != 0:
        return "only root can imitate the sandbox of Lambda"
    if not Path(os.environ.get("LAMBDA_SANDBOX_BIN", "")).is_file():
        return "tests/src/bin/lambda-sandbox is not built"
    return None


class Place:
    """Its directories: `task` is /var/task inside, `tmp` is /tmp."""

    def __init__(self, setting, *binds):
        self._setting = setting
        directory = setting.fresh("place")
        directory.chmod(0o755)
        self.root, self.task, self.tmp = (directory / name for name in ("root", "task", "tmp"))
        for path in (self.root, self.task, self.tmp):
            path.mkdir()
        self.tmp.chmod(0o1777)
        os.chown(self.tmp, *USER)
        for name, content in ACCOUNTS.items():
            (self.root / name).parent.mkdir(exist_ok=True)
            (self.root / name).write_text(content)
        self._binds = []
        for path in map(Path, DIRECTORIES):
            if path.is_symlink():
                (self.root / path.relative_to("/")).symlink_to(os.readlink(path))
            elif path.is_dir():
                self._bind(path, path)
        for path in (*map(Path, OF_ETC), ROOT / "tests/setup", setting.venv):
            if path.exists():
                self._bind(path, path)
        for source, inside in (
            (setting.binary, BOOTSTRAP), (setting.work / "programs", PROGRAMS), (self.task, "/var/task"), *binds,
        ):
            self._bind(source, inside)

    def _bind(self, source, inside):
        self._binds += ["--bind", f"{source}={inside}"]

    def environment(self, **more):
        return VARIABLES | {name: str(value) for name, value in more.items()}

    def command(self, *words):
        """The command line that starts a program inside."""
        return [os.environ["LAMBDA_SANDBOX_BIN"], "--root", self.root, *self._binds, "--tmp", self.tmp, "--", *words]

    def run(self, *words, **variables):
        """What a program prints."""
        done = subprocess.run(self.command(*words), env=self.environment(**variables), capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: {' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def spawn(self, count, until, command, **variables):
        """One line of numbers per start, as programs/spawn.c prints them. It is inside, so that nothing of the imitation's own
        is measured."""
        said = self.run(PROGRAMS / "spawn", str(count), until, *command, **variables)
        return [[int(number) for number in line.split()] for line in said.splitlines()]

    def function(self, **variables):
        """A function's process and the API it talks to; a context manager."""
        log = self.task.parent / "function.log"
        return Function.started_by(self.command(BOOTSTRAP), self.environment(**variables), log)

    def outside(self, path):
        """A path below /tmp as this machine sees it."""
        return self.tmp / Path(path).relative_to("/tmp")

    def clear(self):
        shutil.rmtree(self.tmp)
