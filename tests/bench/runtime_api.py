"""A Lambda Runtime API for one function: hands out events, takes answers, and notes the time of both.

Protocol: AWS Lambda developer guide, Runtime API 2018-06-01. Bare sockets, because a Python web framework would add
more to each invocation than the runtime under test does.
"""

import json
import queue
import socket
import subprocess
import threading
import time
import uuid
from pathlib import Path


class Function:
    """A function's process and the API it talks to; a context manager."""

    def __init__(self, setting, configuration, **variables):
        environment = setting.environment(
            AWS_LAMBDA_FUNCTION_NAME="bench",
            AWS_LAMBDA_FUNCTION_VERSION="$LATEST",
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE="1024",
            AWS_LAMBDA_LOG_GROUP_NAME="/aws/lambda/bench",
            AWS_LAMBDA_LOG_STREAM_NAME="bench",
            LAMBDA_TASK_ROOT=configuration.parent,
            **variables,
        )
        self._start([setting.binary], environment, configuration.parent / "function.log")

    @classmethod
    def started_by(cls, command, environment, log):
        """One that another program starts, in a place of its own."""
        function = cls.__new__(cls)
        function._start(command, environment, log)
        return function

    def _start(self, command, environment, log):
        self._events, self._answers, self._sent = queue.Queue(), queue.Queue(), 0
        self._polls, self._polled_at = queue.Queue(), None
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        environment = environment | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._listener.getsockname()[1]}"}
        self._log = log
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.close()

    def invoke(self, event, patience=120):
        """Answers the nanoseconds from handing out the event to having the whole answer, and the payload."""
        self.until_next_poll(patience)
        self._polled_at = None
        self._events.put(json.dumps(event).encode())
        try:
            path, sent, received, body = self._answers.get(timeout=patience)
        except queue.Empty:
            path, body = "no answer", b""
        if not path.endswith("/response") or json.loads(body).get("statusCode") != 200:
            raise SystemExit(f"bench: an invocation failed: {path}: {body!r}\n{self.log()}")
        return received - sent, json.loads(body)

    def until_next_poll(self, patience=120):
        """Answers the nanoseconds from handing out the last event to being asked for the next one; waits for that."""
        if self._polled_at is None:
            try:
                self._polled_at = self._polls.get(timeout=patience)
            except queue.Empty:
                raise SystemExit(f"bench: the function does not ask for an event\n{self.log()}") from None
        return self._polled_at - self._sent

    def log(self):
        return self._log.read_text(errors="replace")

    def memory_peak_mb(self):
        """VmHWM: the most memory that was resident at once."""
        return status_mb(self._process.pid, "VmHWM")

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        while request := read_request(connection):
            received = time.monotonic_ns()
            path, body = request
            if "/extension/" in path:
                # As an emulator without extensions answers; the event an extension waits for never comes.
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            elif path.endswith("/next"):
                self._polls.put(received)
                event = self._events.get()
                head = (
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    f"Lambda-Runtime-Aws-Request-Id: {uuid.uuid4()}\r\n"
                    f"Lambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 300_000}\r\n"
                    "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n"
                    f"Content-Length: {len(event)}\r\n\r\n"
                )
                self._sent = time.monotonic_ns()
                connection.sendall(head.encode() + event)
            else:
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 15\r\n\r\n{\"status\":\"OK\"}")
                self._answers.put((path, self._sent, received, body))


def read_request(connection):
    """Path and body of the next request, or None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(1 << 16)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
    if any(line.lower().startswith("transfer-encoding:") for line in lines):
        return lines[0].split()[1], read_chunks(connection, body)
    while len(body) < length:
        body += connection.recv(1 << 20)
    return lines[0].split()[1], body


def read_chunks(connection, data):
    """A body in chunked transfer coding (RFC 9112, 7.1)."""
    body = b""
    while True:
        while b"\r\n" not in data:
            data += connection.recv(1 << 16)
        size, _, data = data.partition(b"\r\n")
        size = int(size.split(b";")[0], 16)
        while len(data) < size + 2:
            data += connection.recv(1 << 16)
        body, data = body + data[:size], data[size + 2 :]
        if size == 0:
            return body


def status_mb(pid, field):
    """A memory figure of /proc/PID/status in MB (10^6 bytes), or None when the process is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024 / 1e6
    except FileNotFoundError:
        pass
    return None
