#!/usr/bin/env python3
"""A simulated day of predis-sample record: record_day.py BIN WORK STEPS EVENTS
[tmpfs]. Starts the test builds of predis-serve and predis-sample, which read
the time from one file, lets 24 hours pass in STEPS steps of EVENTS numbered
requests each, and has happen what happens: three restarts of the server (one by
SIGKILL), a kill -9 of the recorder, a restart, SIGHUP, retention, and (with
tmpfs, in a mount namespace of our own) a full disk. Then counts: every event
is in exactly one segment, or the account says why not."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

bin_dir, work = sys.argv[1], sys.argv[2]
steps, events = int(sys.argv[3]), int(sys.argv[4])
tmpfs = len(sys.argv) > 5
os.chdir(work)
rec = "rec"
us_step = 86400 * 10**6 // steps
start_us = 1795478400 * 10**6  # 2026-11-24T00:00:00Z, whole hours
env = dict(os.environ, PREDIS_TEST_CLOCK=os.path.abspath("clock"))
SAMPLE = os.path.join(bin_dir, "tests/clock/predis-sample")
SERVE = os.path.join(bin_dir, "tests/clock/predis-serve")
children = []


def fail(text):
    print("FAILED:", text)
    for name in ("serve.log", "record.log"):
        if os.path.exists(name):
            print(name + ":")
            print(open(name, errors="replace").read()[-3000:])
    for c in children:
        if c.poll() is None:
            c.kill()
    sys.exit(1)


def wait_for(what, fn):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if fn():
            return
        time.sleep(0.002)
    fail("timed out: %s; account %s" % (what, account()))


class Clock:
    now = start_us

    def set(self, us):
        self.now = us
        with open("clock.new", "w") as f:
            f.write("%d\n" % us)
        os.replace("clock.new", "clock")


clock = Clock()


def account():
    """The newer half of state.json."""
    best = (0, {})
    try:
        data = open(os.path.join(rec, "state.json"), "rb").read()
    except OSError:
        return {}
    for half in (data[:len(data) // 2], data[len(data) // 2:]):
        word = half[:63].split()
        if len(word) != 4 or word[0] != b"PDSTATE":
            continue
        try:
            o = json.loads(half[64:64 + int(word[2])])
        except ValueError:
            continue  # just being written
        best = max(best, (int(word[1]), o), key=lambda b: b[0])
    return best[1]


class Server:
    run = -1
    sent = []    # by run
    began = []   # when

    def start(self):
        if os.path.exists("port"):
            os.unlink("port")
        # One microsecond of its own: times tell the runs apart.
        clock.set(clock.now + 1)
        self.run += 1
        self.sent.append(0)
        self.began.append(clock.now)
        self.p = subprocess.Popen(
            [SERVE, "--port", "0", "--port-file", "port", "--tap", "./tap.sock",
             "--tap-rate", "1", "--maxmemory", "64m"], env=env,
            stdin=subprocess.DEVNULL, stdout=open("serve.log", "ab"),
            stderr=subprocess.STDOUT)
        children.append(self.p)
        wait_for("server", lambda: os.path.exists("port") and
                 open("port").read().strip() != "")
        self.s = socket.create_connection(
            ("127.0.0.1", int(open("port").read())))
        self.f = self.s.makefile("rb")
        # The recorder waits for its clock, which stands.
        self.ping()

    def stop(self, sig):
        self.s.close()
        self.p.send_signal(sig)
        if self.p.wait(60) not in (0, -sig):
            fail("server ended with %d" % self.p.returncode)

    def ping(self):
        self.s.sendall(b"PING\r\n")
        if self.f.readline() != b"+PONG\r\n":
            fail("no PONG")

    def ask(self, n):
        first = self.sent[self.run]
        self.s.sendall(b"".join(
            b"GET key:%d:%d\r\n" % (self.run, first + i) for i in range(n)))
        for _ in range(n):
            if self.f.readline() != b"$-1\r\n":
                fail("not a miss")
        self.sent[self.run] += n


server = Server()
heard = 0


def start_record():
    global recorder
    before = account().get("sources", [{}])[0].get("connects", 0)
    recorder = subprocess.Popen(
        [SAMPLE, "record", "-d", rec, "--from", "web=./tap.sock", "--segment",
         "1h", "--batch-events", "300", "--batch-time", "40m", "--max-age",
         "6h", "--on-full", "stop"], env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=open("record.log", "ab"))
    children.append(recorder)
    connected(before)


def connected(before):
    def there():
        s = account().get("sources", [])
        return s and s[0]["connected"] and s[0]["connects"] > before
    wait_for("recorder connected", there)
    wait_for("tap", lambda: tap_clients() == 1)


def tap_clients():
    # Field 8 of PREDIS.TAP INFO, a flat array of pairs.
    server.s.sendall(b"PREDIS.TAP INFO\r\n")
    n = int(server.f.readline()[1:])
    out = []
    for _ in range(n):
        line = server.f.readline()
        if line[:1] == b"$":
            out.append(server.f.readline().strip())
        else:
            out.append(line[1:].strip())
    pairs = dict(zip(out[::2], out[1::2]))
    return int(pairs[b"clients"])


def ask(n):
    """Requests that the recorder hears: wait until it has them."""
    global heard
    server.ask(n)
    heard += n

    def there():
        # The server looks at its clock, and sends what it sampled.
        clock.set(clock.now + 110000)
        server.ping()
        return account().get("events_received") == heard
    wait_for("%d events received" % heard, there)


def restart_server(sig):
    before = account()["sources"][0]["connects"]
    server.stop(sig)
    wait_for("recorder saw the end",
             lambda: not account()["sources"][0]["connected"])
    server.start()
    server.ask(41)  # nobody listens: its clock stands, it does not retry
    clock.set(clock.now + 40 * 10**6)
    connected(before)


def fill():
    with open(os.path.join(rec, "ballast"), "wb", buffering=0) as f:
        for size in (65536, 4096):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass


def part_size():
    return sum(os.path.getsize(os.path.join(rec, n)) for n in os.listdir(rec)
               if n.endswith(".part"))


clock.set(start_us)
os.mkdir(rec)
if tmpfs:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", rec],
                   check=True)
server.start()
start_record()
at = {steps * p // 100: what for p, what in (
    (15, "term"), (30, "kill9"), (45, "full"), (53, "room"), (60, "kill"),
    (70, "hup"), (80, "again"), (90, "term"))}
for step in range(steps):
    clock.set(start_us + step * us_step + 10**6 * 30)
    what = at.get(step)
    if what == "term":
        restart_server(signal.SIGTERM)
    elif what == "kill":
        restart_server(signal.SIGKILL)
    elif what == "kill9":
        ask(events // 2)
        ask(7)  # these wait for their batch, whatever came before
        recorder.send_signal(signal.SIGKILL)
        recorder.wait()
        server.ask(37)
        start_record()
    elif what == "full" and tmpfs:
        fill()
    elif what == "room" and tmpfs:
        if account()["lost_disk"] == 0:
            fail("the disk was not full: %s" % account())
        os.unlink(os.path.join(rec, "ballast"))
        clock.set(clock.now + 2 * 10**6)
        wait_for("room", lambda: not account()["disk_full"])
    elif what == "hup":
        was = account()["segments_finished"]
        recorder.send_signal(signal.SIGHUP)
        wait_for("rotated", lambda: account()["segments_finished"] > was)
    elif what == "again":
        recorder.send_signal(signal.SIGTERM)
        if recorder.wait(60) != 0:
            fail("recorder ended with %d" % recorder.returncode)
        start_record()
    ask(events)
recorder.send_signal(signal.SIGTERM)
if recorder.wait(60) != 0:
    fail("recorder ended with %d" % recorder.returncode)
server.stop(signal.SIGTERM)

# Count.
a = account()
names = sorted(n for n in os.listdir(rec) if ".pds" in n)
if any(n.endswith(".part") for n in names):
    fail("a segment has no end: %s" % names)
oldest = start_us + 86400 * 10**6 - 8 * 3600 * 10**6
seen = [set() for _ in server.sent]
text = subprocess.run([SAMPLE, "print", rec], env=env, check=True,
                      stdout=subprocess.PIPE).stdout
for line in text.splitlines():
    t, tick = line.split(b"\t")[:2]
    t, tick = int(t), int(tick)
    run = max(i for i, b in enumerate(server.began) if b <= t)
    if t < oldest:
        fail("kept too long: %d" % t)
    if tick in seen[run]:
        fail("run %d: event %d is there twice" % (run, tick))
    if not 1 <= tick <= server.sent[run]:
        fail("run %d: no event %d was sent" % (run, tick))
    seen[run].add(tick)
stored = sum(len(s) for s in seen)
deleted = sum(a["deleted_%s_events" % c] for c in ("age", "bytes", "full"))
lost = {k: v for k, v in a.items() if k.startswith("lost_")}
sent = sum(server.sent)
print("sent %d = stored %d + deleted %d + %s, in %d segments of %d" % (
    sent, stored, deleted,
    " + ".join("%s %d" % i for i in lost.items()), len(names),
    a["segments_finished"]))
if sent != stored + deleted + sum(lost.values()):
    fail("the account is wrong")
if lost["lost_gap"] != 3 * 41 + 37:
    fail("gaps: %d" % lost["lost_gap"])
if a["deleted_age_events"] == 0 or lost["lost_killed"] == 0:
    fail("no retention or no kill")
if tmpfs and lost["lost_disk"] == 0:
    fail("no full disk")
if subprocess.run([SAMPLE, "verify", rec], env=env).returncode != 0:
    fail("damage")
index = [subprocess.run([SAMPLE, "index", "--json"] + o + [rec], env=env,
                        check=True, stdout=subprocess.PIPE).stdout
         for o in (["-l"], [], ["-l"])]
want = [{k: v for k, v in json.loads(x).items() if k != "closed_us"}
        for x in index[0].splitlines()]
for other in index[1:]:
    if [{k: v for k, v in json.loads(x).items() if k != "closed_us"}
            for x in other.splitlines()] != want:
        fail("the index made anew is another one")
if sum(x["events"] for x in want) != stored or not all(
        x["known"] for x in want):
    fail("the index is wrong")
