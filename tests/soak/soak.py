#!/usr/bin/python3
"""Connections that come and go, good and bad ones: see soak.sh."""

import asyncio
import os
import random
import re
import resource
import shlex
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
CLIENTS = int(os.environ.get("SOAK_CLIENTS", "500"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
OPTIONS = shlex.split(os.environ.get("SOAK_OPTIONS", ""))
MIB = 1 << 20
MEMORY = 48 * MIB
PATIENCE = 120  # seconds for one reply, on a loaded machine
ADMIN = "./admin.sock"


def cmd(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def bulk(value):
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (
        len(value), value)


class Wrong(Exception):
    """A well-behaved client got something that it should not get."""


class Tally:
    sessions = commands = bad_sessions = 0
    wrong = []


class Good:
    """One that behaves: it has keys of its own, of which it knows what they
    are, or that they are gone, evicted or expired."""

    def __init__(self, port, number, stop):
        self.port, self.stop = port, stop
        self.random = random.Random(SEED * 100003 + number)
        self.prefix = "good:%d:" % number
        self.known = {}  # key: (value, may live until or None)

    async def reply(self):
        """One reply, whole."""
        line = await self.reader.readuntil(b"\r\n")
        if line[:1] == b"$" and line != b"$-1\r\n":
            return line + await self.reader.readexactly(int(line[1:]) + 2)
        if line[:1] == b"*" and line != b"*-1\r\n":
            return line + b"".join(
                [await self.reply() for _ in range(int(line[1:]))])
        return line

    def value(self):
        r = self.random.random()
        size = (self.random.randrange(200) if r < 0.7 else
                self.random.randrange(8192) if r < 0.97 else
                self.random.randrange(100000))
        return self.random.randbytes(size)

    def read(self, key):
        """The replies that a GET may have; what it says is what is known."""
        value, until = self.known.get(key, (None, None))
        now = time.monotonic()

        def check(got):
            if got == bulk(None):
                self.known.pop(key, None)
                return True
            # A second for clocks and machines that are slow.
            return got == bulk(value) and (
                until is None or now < until + 1)
        return check

    def key(self):
        """One that this batch has not asked yet: what a reply teaches, the
        next command on the key has to know."""
        while True:
            key = self.prefix + str(self.random.randrange(400))
            if key not in self.used:
                self.used.add(key)
                return key

    def one(self):
        """A command, and a function that says whether its reply is right."""
        r, key = self.random, self.key()
        what = r.randrange(12)
        if what < 4:
            return cmd("GET", key), self.read(key)
        if what < 6:
            value = self.value()
            self.known[key] = value, None
            return cmd("SET", key, value), lambda got: got == b"+OK\r\n"
        if what == 6:
            value, ms = self.value(), r.randrange(50, 3000)
            self.known[key] = value, time.monotonic() + ms / 1000 + PATIENCE
            return (cmd("SET", key, value, "PX", ms),
                    lambda got: got == b"+OK\r\n")
        if what == 7:
            keys = [self.key() for _ in range(5)]
            checks = [self.read(k) for k in keys]

            def check(got):
                if not got.startswith(b"*5\r\n"):
                    return False
                at = 4
                for c in checks:
                    end = got.index(b"\r\n", at) + 2
                    n = int(got[at + 1:end - 2])
                    end += 0 if n < 0 else n + 2
                    if not c(got[at:end]):
                        return False
                    at = end
                return at == len(got)
            return cmd("MGET", *keys), check
        if what == 8:
            gone = self.known.pop(key, None)
            return (cmd("DEL", key), lambda got: got in (b":0\r\n", b":1\r\n")
                    and (gone is not None or got == b":0\r\n"))
        if what == 9:
            text = self.value()
            return cmd("ECHO", text), lambda got: got == bulk(text)
        if what == 10 and "n" not in self.used:
            self.used.add("n")
            counter = self.prefix + "n"
            value = self.known.get(counter, (b"0", None))[0]
            more = b"%d" % (int(value) + 1)

            def check(got):
                self.known[counter] = got[1:-2], None
                return got in (b":" + more + b"\r\n", b":1\r\n")
            return cmd("INCR", counter), check
        text = self.value()[:100]
        return (cmd("MULTI") + cmd("ECHO", text) + cmd("PING") + cmd("EXEC"),
                [b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n",
                 b"*2\r\n" + bulk(text) + b"+PONG\r\n"])

    async def batch(self):
        self.used = set()
        some = [self.one()
                for _ in range(self.random.choice((1, 1, 1, 2, 8, 30)))]
        checks = []
        for _, check in some:
            checks += check if isinstance(check, list) else [check]
        out = b"".join(data for data, _ in some)
        self.writer.write(out)
        for check in checks:
            got = await asyncio.wait_for(self.reply(), PATIENCE)
            Tally.commands += 1
            ok = check(got) if callable(check) else got == check
            if not ok:
                raise Wrong("to %r...: %r" % (out[:60], got[:120]))

    async def session(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, limit=4 * MIB)
        try:
            for _ in range(self.random.randrange(1, 40)):
                await self.batch()
                if self.stop.is_set():
                    break
                await asyncio.sleep(self.random.random() * 0.2)
        finally:
            self.writer.close()
        Tally.sessions += 1

    async def run(self):
        while not self.stop.is_set():
            try:
                await self.session()
            except (Wrong, OSError, EOFError, asyncio.TimeoutError) as e:
                Tally.wrong.append("%s %s" % (type(e).__name__, e))
                self.known.clear()
                await asyncio.sleep(0.5)


class Bad:
    """One that does not."""

    def __init__(self, port, number, stop):
        self.port, self.stop = port, stop
        self.random = random.Random(SEED * 100019 + number)

    async def send(self, data):
        await asyncio.get_running_loop().sock_sendall(self.s, data)

    async def half(self):
        await self.send(b"*3\r\n$3\r\nSET\r\n$3\r\nbad\r\n$5000\r\nxxx")

    async def garbage(self):
        await self.send(self.random.randbytes(self.random.randrange(1, 5000)))

    async def never_reads(self):
        await self.send(cmd("SET", "bad:big", b"x" * 500000))
        await asyncio.wait_for(self.send(cmd("GET", "bad:big") * 500), 2)

    async def oversized(self):
        await self.send(self.random.choice((
            b"*1073741824\r\n", b"*2\r\n$3\r\nGET\r\n$536870913\r\n",
            b"*3\r\n$3\r\nSET\r\n$3\r\nbad\r\n$9000000\r\n" + b"x" * 9000000,
            b"x" * 70000)))

    async def reset(self):
        await self.send(cmd("GET", "bad:big") * 20)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
        self.linger = 0

    async def slowloris(self):
        for byte in b"*2\r\n$3\r\nGET\r\n$100\r\n" + b"x" * 100:
            await self.send(bytes([byte]))
            await asyncio.sleep(0.1)

    async def subscribes(self):
        await self.send(b"".join(
            cmd("SUBSCRIBE", "news:%d" % i) for i in range(200)))
        await self.send(cmd("PSUBSCRIBE", "news:*"))

    async def publishes(self):
        await self.send(cmd("PUBLISH", "news:1", b"x" * 50000) * 100)

    async def monitors(self):
        await self.send(cmd("MONITOR"))

    async def wrong_auth(self):
        for i in range(20):
            await self.send(cmd("AUTH", "nobody%d" % i, "x" * 1000))

    async def multi(self):
        await self.send(cmd("MULTI") + cmd("SET", "bad:m", b"x" * 1000) * 200)

    async def flushes(self):
        await self.send(cmd("CONFIG", "GET", "*") + cmd("CLIENT", "LIST") +
                        cmd("COMMAND") + cmd("SLOWLOG", "GET"))

    async def session(self):
        self.linger = self.random.random() * 3
        self.s = socket.socket()
        self.s.setblocking(False)
        if self.random.random() < 0.3:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            await asyncio.get_running_loop().sock_connect(
                self.s, ("127.0.0.1", self.port))
            await self.random.choice((
                self.half, self.garbage, self.never_reads, self.oversized,
                self.reset, self.slowloris, self.subscribes, self.publishes,
                self.monitors, self.wrong_auth, self.multi, self.flushes))()
            try:
                await asyncio.wait_for(self.stop.wait(), self.linger)
            except asyncio.TimeoutError:
                pass
        except (OSError, asyncio.TimeoutError):
            pass  # that is what it deserves
        finally:
            self.s.close()
        Tally.bad_sessions += 1

    async def run(self):
        while not self.stop.is_set():
            await self.session()
            await asyncio.sleep(self.random.random() * 0.3)


class Watch:
    """What the server says of itself, and the kernel of it."""

    def __init__(self, pid):
        self.pid, self.samples = pid, []

    def info(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(ADMIN)
            s.sendall(cmd("INFO", "everything"))
            f = s.makefile("rb")
            n = int(f.readline()[1:])
            text = f.read(n).decode("latin-1")
        return dict(line.split(":", 1) for line in text.split("\r\n")
                    if ":" in line)

    def files(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def rss(self):
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024

    async def run(self, stop):
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            i = await loop.run_in_executor(None, self.info)
            self.samples.append((self.rss(), int(i["used_memory"]),
                                 int(i["connected_clients"]),
                                 int(i["mem_not_counted_for_evict"])))
            await asyncio.sleep(min(1, SECONDS / 40))


def fill(port):
    """Twice the memory, so that it is full when the watch begins."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(PATIENCE)
        f = s.makefile("rb")
        for at in range(100):
            s.sendall(b"".join(cmd("SET", "fill:%d:%d" % (at, i), b"x" * 950)
                               for i in range(1000)))
            for _ in range(1000):
                if f.readline() != b"+OK\r\n":
                    sys.exit("soak: cannot fill the cache")


def start(argv):
    log = open("log", "w")
    p = subprocess.Popen(argv + [
        "--port", "0", "--port-file", "./port", "--unixsocket", ADMIN,
        "--maxmemory", str(MEMORY), "--maxclients", "2000",
        "--output-pause", "1M", "--header-timeout", "2s",
        "--set", "client-output-buffer-limit=pubsub 2mb 500kb 2",
    ] + OPTIONS, stdout=log, stderr=log)
    end = time.monotonic() + PATIENCE
    while not (os.path.exists("port") and os.path.getsize("port")):
        if p.poll() is not None or time.monotonic() > end:
            sys.exit("soak: it does not start:\n" + open("log").read())
        time.sleep(0.05)
    return p, int(open("port").read())


async def soak(port, watch):
    stop = asyncio.Event()
    bad = CLIENTS // 3
    tasks = [asyncio.create_task((Bad if i < bad else Good)(
        port, i, stop).run()) for i in range(CLIENTS)]
    tasks.append(asyncio.create_task(watch.run(stop)))
    done, _ = await asyncio.wait(tasks, timeout=SECONDS,
                                 return_when=asyncio.FIRST_EXCEPTION)
    stop.set()
    await asyncio.wait(tasks, timeout=PATIENCE)
    for t in done:
        t.result()  # the server is gone, or a mistake of this program


def judge(watch, files, sanitized):
    """What is wrong at the end, when all have gone."""
    wrong = ["reply: " + w for w in Tally.wrong[:10]]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        i = watch.info()
        if i["connected_clients"] == "1" and watch.files() <= files:
            break
        time.sleep(0.2)
    else:
        wrong.append("%s clients and %d files are left, %d files at first"
                     % (i["connected_clients"], watch.files(), files))
    third = len(watch.samples) // 3
    first = statistics.median(s[0] for s in watch.samples[:third])
    last = statistics.median(s[0] for s in watch.samples[-third:])
    print("memory resident: %.1f MiB in the first third, %.1f in the last"
          % (first / MIB, last / MIB))
    # A short run sees how the memory comes to its size, and the quarantine
    # and the shadows of sanitizers grow for a while.
    if last > first * (1.5 if sanitized else 1.3 if SECONDS < 120
                       else 1.1) + 4 * MIB:
        wrong.append("resident memory grew")
    most = max(s[1] - s[3] for s in watch.samples)
    if most > MEMORY * 1.02:
        wrong.append("%d bytes were counted, of %d" % (most, MEMORY))
    calls = sum(int(re.search(r"calls=(\d+)", v).group(1))
                for k, v in i.items() if k.startswith("cmdstat_"))
    # The INFO that tells it is counted after it has told.
    if abs(calls - int(i["total_commands_processed"])) > 1:
        wrong.append("%d calls of commands, %s commands processed"
                     % (calls, i["total_commands_processed"]))
    if calls < Tally.commands:
        wrong.append("fewer commands than were answered")
    for name in "evicted_keys", "expired_keys", "keyspace_hits":
        if int(i[name]) == 0:
            wrong.append("%s is 0" % name)
    return wrong


def main():
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    argv = shlex.split(sys.argv[1]) + sys.argv[2:]
    binary = open(argv[-1], "rb").read()
    sanitized = b"__asan_init" in binary or b"__tsan_init" in binary
    os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=16")
    p, port = start(argv)
    watch, wrong, status = Watch(p.pid), [], None
    try:
        fill(port)
        watch.info()
        files = watch.files()
        asyncio.run(soak(port, watch))
        print("%d sessions of good clients, %d replies right; %d of bad ones"
              % (Tally.sessions, Tally.commands - len(Tally.wrong),
                 Tally.bad_sessions))
        wrong = judge(watch, files, sanitized)
        p.send_signal(signal.SIGTERM)
        status = p.wait(PATIENCE)
        if status != 0:
            wrong.append("it ended with status %d" % status)
    except (OSError, EOFError, ValueError, asyncio.TimeoutError) as e:
        wrong.append("%s %s" % (type(e).__name__, e))
    finally:
        if p.poll() is None:
            p.kill()
        if status is None:
            status = p.wait()
    log = open("log").read()
    if "Sanitizer" in log or "runtime error" in log or status != 0:
        wrong.append("its log:\n" + log[-24000:])
    for w in wrong:
        print("WRONG: " + w)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
