#!/usr/bin/python3
"""Five wounds, done to redis-server and predis-serve: see wounds.sh."""

import atexit
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

PATIENCE = 60
QUICK = os.environ.get("QUICK", "0") == "1"
PREDIS = sys.argv[1]
MIB = 1 << 20
SLACK = 64 * MIB


def cmd(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Server:
    """One of the two, on a Unix socket of this folder."""

    def __init__(self, kind, maxmemory=None, address_space=None):
        self.kind, self.path = kind, "./%s.sock" % kind
        if os.path.exists(self.path):
            os.unlink(self.path)
        if kind == "redis":
            argv = ["redis-server", "--port", "0", "--unixsocket", self.path,
                    "--save", "", "--appendonly", "no"]
            if maxmemory:
                argv += ["--maxmemory", str(maxmemory),
                         "--maxmemory-policy", "allkeys-lru"]
        else:
            argv = [PREDIS, "--port", "0", "--unixsocket", self.path]
            if maxmemory:
                argv += ["--maxmemory", str(maxmemory)]

        def limit():
            if address_space:
                resource.setrlimit(resource.RLIMIT_AS,
                                   (address_space, address_space))
        self.log = open(kind + ".log", "w")
        self.process = subprocess.Popen(
            argv, stdout=self.log, stderr=self.log, preexec_fn=limit)
        atexit.register(self.end)
        self.peak = 0
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.main = self.connect()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(PATIENCE)
        s.connect(self.path)
        return s

    def ask(self, *words):
        """One command with a one-line answer; None when there is none."""
        try:
            self.main.sendall(cmd(*words))
            got = b""
            while not got.endswith(b"\r\n"):
                piece = self.main.recv(65536)
                if not piece:
                    return None
                got += piece
            return got[:-2].decode("latin-1")
        except OSError:
            return None

    def keys(self):
        answer = self.ask("DBSIZE")
        return int(answer[1:]) if answer else 0

    def fill(self, n, size):
        """n keys, and wait for the answers."""
        for at in range(0, n, 1000):
            self.main.sendall(b"".join(
                cmd("SET", "key:%d" % i, b"v" * size)
                for i in range(at, min(at + 1000, n))))
            left = 5 * min(1000, n - at)
            while left > 0:
                left -= len(self.main.recv(left))

    def look(self):
        """The peak of its resident memory, in bytes."""
        try:
            with open("/proc/%d/status" % self.process.pid) as f:
                m = re.search(r"VmHWM:\s+(\d+)", f.read())
        except OSError:
            m = None
        if m:
            self.peak = max(self.peak, int(m.group(1)) * 1024)
        return self.peak

    def settle(self, value, seconds):
        """Look until value() has not changed for so long."""
        last, since = value(), time.monotonic()
        end = since + PATIENCE
        while time.monotonic() < min(since + seconds, end):
            time.sleep(0.05)
            self.look()
            now = value()
            if now != last:
                last, since = now, time.monotonic()
        return last

    def alive(self):
        return self.process.poll() is None

    def end(self):
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()


def read_line(s):
    got = b""
    try:
        while not got.endswith(b"\r\n"):
            piece = s.recv(1)
            if not piece:
                return got.decode("latin-1") + "closed"
            got += piece
    except socket.timeout:
        return "no answer"
    except OSError:
        return "connection reset"
    return got[:-2].decode("latin-1")


def large_value(kind):
    """30 MB SET into 20 MB"""
    s = Server(kind, 20 * MIB)
    s.fill(50000, 16)
    before = s.keys()
    c = s.connect()
    saw = "connection lost"
    try:
        c.sendall(cmd("SET", "big", b"x" * 30000000))
        saw = read_line(c)
    except OSError:
        pass
    after = s.settle(s.keys, 1 if QUICK or kind == "predis" else 3)
    return s, before, after, saw, 20 * MIB


def unread(kind):
    """2,000 unread 1 MiB replies"""
    n = 300 if QUICK else 2000
    s = Server(kind, 100 * MIB)
    s.fill(10000, 100)
    s.ask("SET", "big", b"x" * MIB)
    before = s.keys()
    c = s.connect()
    c.sendall(cmd("GET", "big") * n)
    after = s.settle(lambda: (s.look(), s.keys()), 1 if QUICK else 2)[1]
    saw = "nothing read; others: %s" % s.ask("PING")
    return s, before, after, saw, 100 * MIB


def many_words(kind):
    """*1073741824"""
    s = Server(kind, 100 * MIB)
    s.fill(10000, 100)
    before = s.keys()
    c = s.connect()
    c.sendall(b"*1073741824\r\n")
    c.settimeout(1 if kind == "redis" else PATIENCE)
    saw = read_line(c)
    s.look()
    return s, before, s.keys(), saw, 100 * MIB


def slow_monitor(kind):
    """a MONITOR that is not read"""
    n = 10000 if QUICK else 50000
    s = Server(kind, 100 * MIB)
    s.fill(10000, 100)
    before = s.keys()
    c = s.connect()
    c.sendall(cmd("MONITOR"))
    read_line(c)
    for _ in range(n // 1000):
        s.main.sendall(cmd("SET", "key:1", b"v" * 16384) * 1000)
        left = 1000 # answers; one that refuses is one line, too
        while left > 0:
            left -= s.main.recv(65536).count(b"\n")
        s.look()
    after = s.settle(s.keys, 1)
    return s, before, after, "others: %s" % s.ask("PING"), 100 * MIB


def no_limit(kind):
    """no maxmemory set, 512 MiB of addresses"""
    space = 512 * MIB
    s = Server(kind, None, space)
    s.fill(10000, 100)
    before = s.keys()
    saw = None
    for i in range(700):
        answer = s.ask("SET", "big:%d" % i, b"x" * MIB)
        if answer != "+OK":
            saw = answer or "the server died"
            break
        s.look()
    # Of those that were there before: a few at a time and with some room, for
    # there is hardly memory left for the words of a command.
    s.ask("DEL", "big:0", "big:1")
    after = 0
    for at in range(0, before, 50):
        found = s.ask("EXISTS", *["key:%d" % i for i in range(at, at + 50)])
        after += int(found[1:]) if found and found[0] == ":" else 0
    return s, before, after, saw or "all written", space


def main():
    sanitized = b"__asan_init" in open(PREDIS, "rb").read()
    bad = 0
    fmt = "%-38s %-7s %11s %11s %9s  %s"
    print(fmt % ("wound", "server", "keys before", "after", "RSS MiB",
                 "what the client saw"))
    for wound in large_value, unread, many_words, slow_monitor, no_limit:
        for kind in "redis", "predis":
            if wound == no_limit and kind == "predis" and sanitized:
                continue
            s, before, after, saw, limit = wound(kind)
            peak, alive = s.look(), s.alive()
            s.end()
            print(fmt % (wound.__doc__, kind, before, after,
                         "%.0f" % (peak / MIB), saw[:70]), flush=True)
            if kind == "redis":
                continue
            if not alive or after < before or (
                    peak > limit + SLACK and not sanitized):
                bad += 1
                print("FAILED: %s: %d of %d keys, %d bytes of at most %d"
                      % (wound.__doc__, after, before, peak, limit + SLACK))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
