#!/usr/bin/python3
"""Large values over one raw connection, in pieces of all sizes.

usage: large.py PORT SEED

Sends commands with values around the sizes where they are treated in another
way, cut into pieces at random places, and compares every reply with a model.
"""
import random
import socket
import sys
import threading

port, seed = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
sock = socket.create_connection(("127.0.0.1", port), 60)
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
stream = sock.makefile("rb", 1 << 20)
model = {}
SIZES = [0, 1, 100, 16383, 16384, 65533, 65535, 65536, 65537, 70000, 131072,
         200000, 1 << 20, (1 << 20) + 1, 3000000]


def value():
    n = rng.choice(SIZES)
    return rng.randbytes(64) * (n // 64) + rng.randbytes(n % 64)


def words(*w):
    return b"*%d\r\n" % len(w) + b"".join(
        b"$%d\r\n%s\r\n" % (len(x), x) for x in w)


def bulk(v):
    return b"$-1\r\n" if v is None else b"$%d\r\n%s\r\n" % (len(v), v)


def integer(n):
    return b":%d\r\n" % n


def command():
    """A command and the reply that it must have."""
    k = b"k%d" % rng.randrange(8)
    j = b"k%d" % rng.randrange(8)
    v, u = value(), value()
    old = model.get(k)
    what = rng.randrange(13)
    if what <= 2:
        model[k] = v
        return words(b"SET", k, v), b"+OK\r\n"
    if what <= 4:
        return words(b"GET", k), bulk(old)
    if what == 5:
        model[k] = v
        model[j] = u
        return words(b"MSET", k, v, j, u), b"+OK\r\n"
    if what == 6:
        model[k] = v
        return words(b"SETEX", k, b"1000", v), b"+OK\r\n"
    if what == 7:
        if len(old or b"") + len(v) > 6000000:
            return words(b"STRLEN", k), integer(len(old or b""))
        model[k] = (old or b"") + v
        return words(b"APPEND", k, v), integer(len(model[k]))
    if what == 8:
        at = rng.randrange(100000)
        if v:
            was = (old or b"").ljust(at, b"\0")
            model[k] = was[:at] + v + was[at + len(v):]
        return words(b"SETRANGE", k, b"%d" % at, v), \
            integer(len(model.get(k, b"")))
    if what == 9:
        a, b = sorted((rng.randrange(3000000), rng.randrange(3000000)))
        return words(b"GETRANGE", k, b"%d" % a, b"%d" % b), \
            bulk((old or b"")[a:b + 1])
    if what == 10:
        return words(b"ECHO", v), bulk(v)
    if what == 11:
        model[k] = v
        return words(b"SET", k, v, b"GET"), bulk(old)
    model.pop(k, None)
    if rng.random() < 0.5: # gone at once
        return words(b"SET", k, v, b"EXAT", b"1"), b"+OK\r\n"
    return words(b"DEL", k), integer(old is not None)


def check(expected):
    for want in expected:
        got = stream.read(len(want))
        if got != want:
            sys.exit("seed %d: %r... instead of %r..." %
                     (seed, got[:80], want[:80]))


def send(data):
    i = 0
    while i < len(data):
        n = rng.choice((1, 5, 100, 16384, 65536, 100000, 1 << 20, 1 << 22))
        sock.sendall(data[i:i + n])
        i += n


sock.sendall(words(b"FLUSHALL"))
check([b"+OK\r\n"])
for _ in range(60):
    batch = [command() for _ in range(rng.randrange(1, 6))]
    if rng.random() < 0.2:
        # Within a transaction all replies come at the end.
        data = words(b"MULTI") + b"".join(c for c, _ in batch) + words(b"EXEC")
        expected = [b"+OK\r\n"] + [b"+QUEUED\r\n"] * len(batch) + \
            [b"*%d\r\n" % len(batch)] + [r for _, r in batch]
    else:
        data = b"".join(c for c, _ in batch)
        expected = [r for _, r in batch]
    reader = threading.Thread(target=send, args=(data,))
    reader.start()
    check(expected)
    reader.join()
print("ok")
