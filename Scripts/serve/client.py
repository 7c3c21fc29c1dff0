"""A server that is started for a trial, and a client of it."""
import asyncio
import itertools
import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


class Server:
    """A server of a script's own."""

    command = model = None

    def __init__(self, *arguments, folder=None):
        self.folder = folder or tempfile.mkdtemp(prefix="serve-trial-")
        self.owns = folder is None
        self.arguments = arguments
        self.ids = itertools.count()
        self.unanswered = []

    async def __aenter__(self):
        await self.start()
        return self

    async def start(self):
        log = open(Path(self.folder) / "log", "ab")
        began = time.monotonic()
        self.process = await asyncio.create_subprocess_exec(
            self.command, "serve", "--port", "0", "--data", str(Path(self.folder) / "data"),
            "--model", self.model, *self.arguments, stdout=subprocess.PIPE, stderr=log)
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        self.port = int(line.decode().rsplit(":", 1)[1].strip().rstrip("/"))
        while (await self.get("/health/ready"))[0] != 200:
            if time.monotonic() - began > 60:
                raise RuntimeError("the server is not ready after 60 s")
            await asyncio.sleep(0.01)
        self.start_seconds = time.monotonic() - began

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 45)
            except asyncio.TimeoutError:
                self.process.kill()
        if self.owns:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, id):
        """What the server's log has of a request."""
        lines = (Path(self.folder) / "log").read_text(errors="replace").splitlines()
        return [line for line in lines if id in line]

    def workers(self):
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[1]) == self.process.pid and fields[0] != "Z":
                    found.append(int(entry.name))
        return found

    def memory(self):
        """Resident bytes of the server and of its workers."""
        def resident(pid):
            try:
                return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
            except OSError:
                return 0
        return resident(self.process.pid), sum(resident(pid) for pid in self.workers())

    async def request(self, method, path, body=None, headers=None, leave_after=None):
        """Status, headers and body of an answer; None when this client left first."""
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
            data = b""
            if body is not None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                lines += [f"Content-Length: {len(data)}"]
                if not (headers and "Content-Type" in headers):
                    lines += ["Content-Type: application/json"]
            id = f"trial-{next(self.ids)}"
            lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
            lines += [f"X-Request-ID: {id}"]
            writer.write("\r\n".join(lines + ["", ""]).encode() + data)
            try:
                answer = await asyncio.wait_for(reader.read(), leave_after)
            except asyncio.TimeoutError:
                return None
        finally:
            writer.close()
        if not answer:
            self.unanswered.append(f"{method} {path} {id} after {time.monotonic() - began:.3f} s")
        head, _, rest = answer.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        values = {name.lower(): value for name, value in (f.split(": ", 1) for f in fields if ": " in f)}
        if values.get("transfer-encoding") == "chunked":
            whole = b""
            while rest:
                size, _, rest = rest.partition(b"\r\n")
                size = int(size, 16)
                whole, rest = whole + rest[:size], rest[size + 2:]
            rest = whole
        return int(first.split()[1]) if first else 0, values, rest

    async def get(self, path):
        return await self.request("GET", path)

    async def json(self, method, path, body=None, headers=None):
        status, _, data = await self.request(method, path, body, headers)
        return status, json.loads(data) if data else None

    async def draw(self, **settings):
        headers = settings.pop("headers", None)
        leave_after = settings.pop("leave_after", None)
        body = {"prompt": "a red apple", "size": "256x256", "response_format": "b64_json"} | settings
        return await self.request("POST", "/v1/images/generations", body, headers, leave_after)

    async def submit(self, **request):
        request = {"operation": "generate", "prompt": "a red apple"} | request
        status, record = await self.json("POST", "/v1/jobs", request)
        assert status == 202, (status, record)
        return record["id"]

    async def job(self, id):
        return (await self.json("GET", f"/v1/jobs/{id}"))[1]

    async def end(self, id, limit=120):
        began = time.monotonic()
        while time.monotonic() - began < limit:
            record = await self.job(id)
            if record["state"] not in ("queued", "running"):
                return record
            await asyncio.sleep(0.01)
        raise RuntimeError(f"job {id} has not ended after {limit} s")

    def rows(self, query):
        database = sqlite3.connect(next((Path(self.folder) / "data").rglob("*.sqlite")))
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def images(self):
        """Rows of images, and the image files."""
        rows = self.rows('SELECT job, "index", id FROM image')
        return rows, list((Path(self.folder) / "data").rglob("*.png"))


class Prober:
    """Asks all the time whether a server lives, from a process of its own: this one is busy."""

    def __init__(self, server):
        self.server, self.times, self.faults = server, [], 0

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("prober.py")), str(self.server.port),
            stdout=subprocess.PIPE)
        self.task = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_):
        self.process.terminate()
        await self.task
        await self.process.wait()

    async def read(self):
        async for line in self.process.stdout:
            status, seconds = line.split()
            self.faults += status != b"200"
            self.times.append(float(seconds))

    @property
    def p99(self):
        return percentile(self.times, 0.99)


def png(width, height, pixel=(200, 30, 30)):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    lines = (b"\0" + bytes(pixel) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def form(**parts):
    boundary = "trial" + os.urandom(8).hex()
    body = b""
    for name, value in parts.items():
        file = '; filename="upload"' if isinstance(value, bytes) else ""
        value = value if isinstance(value, bytes) else str(value).encode()
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += value + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def mutated(data):
    data = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 4, 16])):
        place = random.randrange(len(data) + 1)
        match random.randrange(4):
            case 0: data[place:place + 1] = bytes([random.randrange(256)])
            case 1: del data[place:place + random.randrange(1, 40)]
            case 2: data[place:place] = data[random.randrange(len(data) + 1):][:random.randrange(1, 40)]
            case 3: data[place:place] = random.choice([b"\0", b'"', b"{", b"\r\n", b"--", b"1e999", b"-1", b"null",
                                                      b"\xff\xfe", b"\xed\xa0\x80", b"99999999999999999999"])
    return bytes(data)
