#!/usr/bin/python3
"""Does to a server what hurts it, and prints in one line what it saw.

hurt.py ADDRESS CASE [ARGUMENT...]; ADDRESS is a port of 127.0.0.1, or the path
of a Unix socket.
"""

import concurrent.futures
import socket
import sys
import time

PATIENCE = 30  # seconds in which an answer comes, or there is none
SHORT = 1      # seconds without an answer that say "waits"


def connect(address):
    if address.isdigit():
        return socket.create_connection(("127.0.0.1", int(address)), PATIENCE)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(PATIENCE)
    s.connect(address)
    return s


def cmd(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def send(s, data):
    """All of it, or as much as the server takes before it closes."""
    try:
        s.sendall(data)
    except OSError:
        pass


def until_close(s, limit):
    """What comes before the end, and whether it came: (bytes, closed)."""
    got = b""
    s.settimeout(limit)
    try:
        while True:
            piece = s.recv(65536)
            if not piece:
                return got, True
            got += piece
    except socket.timeout:
        return got, False
    except OSError:
        return got, True


def lines(s, n):
    """n lines, without line ends."""
    got = b""
    while got.count(b"\r\n") < n:
        piece = s.recv(65536)
        if not piece:
            break
        got += piece
    return got.split(b"\r\n")[:n]


def saw(got, closed):
    text = got.decode("latin-1").replace("\r\n", " ").strip()
    return (text + " " if text else "") + ("closed" if closed else "waits")


# Bytes that are sent, and whether the connection is to end: then it is waited
# for. What a server answers, and whether it closes, is printed.
RAW = {
    "bulk-huge": b"*2\r\n$3\r\nGET\r\n$536870913\r\n",
    "bulk-negative": b"*2\r\n$3\r\nGET\r\n$-5\r\n",
    "bulk-letters": b"*2\r\n$3\r\nGET\r\n$x\r\n",
    "words-huge": b"*2147483648\r\n",
    "words-many": b"*1073741824\r\n",
    "words-negative": b"*-10\r\nPING\r\n",
    "no-dollar": b"*1\r\nPING\r\n",
    "inline-long": b"x" * 70000,
    "quotes": b"SET a \"b\r\n",
    "http-post": b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
    "http-host": b"Host: x\r\n",
    "hello-4": b"HELLO 4\r\n",
    "setrange": cmd("SETRANGE", "big", 536870912, "x"),
    "noauth-words": b"*11\r\n",
    "noauth-bulk": b"*2\r\n$4\r\nAUTH\r\n$16385\r\n",
    "noauth-get": cmd("GET", "a"),
    "key-251": cmd("SET", "k" * 251, "v"),
    "key-65536": cmd("SET", "k" * 65536, "v"),
    "mc-key-251": b"get " + b"k" * 251 + b"\r\n",
}


def raw(address, case, limit=None):
    s = connect(address)
    send(s, RAW[case])
    return saw(*until_close(s, float(limit) if limit else SHORT))


def table(*addresses):
    """Each line of standard input is a case: what it is, and what the servers
    at the addresses do, separated by tabs."""
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        rows = [(case, [pool.submit(raw, a, case) for a in addresses])
                for case in sys.stdin.read().split()]
        for case, answers in rows:
            print("\t".join([case] + [a.result() for a in answers]))


def half(address, data="*2\\r\\n$3\\r\\nGET"):
    """Half a request: how long does it live?"""
    s = connect(address)
    send(s, data.encode().decode("unicode_escape").encode("latin-1"))
    print(saw(*until_close(s, PATIENCE)))


def drip(address):
    """A byte every tenth of a second of a request that does not end."""
    s = connect(address)
    data = b"*1000\r\n" + b"$1\r\nx\r\n" * 990
    s.settimeout(0.1)
    end = time.monotonic() + PATIENCE
    for i in range(len(data)):
        if time.monotonic() > end:
            break
        try:
            s.sendall(data[i:i + 1])
            if not s.recv(100):
                print("closed")
                return
        except socket.timeout:
            pass
        except OSError:
            print("closed")
            return
    print("goes on")


def exactly(s, n):
    got = b""
    while len(got) < n:
        piece = s.recv(n - len(got))
        if not piece:
            break
        got += piece
    return got


def pipelines(address, seconds):
    """Requests without a pause, the last of each batch cut: all answered."""
    s = connect(address)
    one, half_at = cmd("ECHO", "x" * 1000), 500
    reply = b"$1000\r\n" + b"x" * 1000 + b"\r\n"
    end = time.monotonic() + float(seconds)
    send(s, one[:half_at])
    while time.monotonic() < end:
        s.sendall(one[half_at:] + one * 49 + one[:half_at])
        if exactly(s, 50 * len(reply)) != 50 * reply:
            print("lost")
            return
        time.sleep(0.01)
    print("alive")


def slow_subscriber(address, size):
    """Subscribes and never reads while messages come: is it closed?"""
    slow, fast = connect(address), connect(address)
    send(slow, cmd("SUBSCRIBE", "news"))
    lines(slow, 6)
    start = time.monotonic()
    closed = b":1"
    while closed == b":1" and time.monotonic() - start < PATIENCE:
        send(fast, cmd("PUBLISH", "news", "x" * int(size)))
        closed = lines(fast, 1)[0]
        time.sleep(0.01)
    took = time.monotonic() - start
    if closed == b":1":
        print("lives")
    else:
        print("closed after %s" % ("a while" if took > 0.9 else "no time"))


def many_queries(address, n, size, word=2000000):
    """n clients with unfinished requests: how many does it let live? The
    words after the first are as long as said, or shorter at the end."""
    size, word = int(size), int(word)
    text = b"*90\r\n$3\r\nGET\r\n"
    for at in range(0, size, word):
        text += b"$%d\r\n" % word + b"x" * min(word, size - at)
        text += b"\r\n" if at + word <= size else b""
    s = []
    for _ in range(int(n)):
        s.append(connect(address))
        send(s[-1], text)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        alive = 0
        for c in s:
            c.settimeout(0.01)
            try:
                alive += c.recv(1) != b""
            except socket.timeout:
                alive += 1
            except OSError:
                pass
        if alive < len(s):
            break
        time.sleep(0.05)
    print("%s live" % ("fewer" if alive < len(s) else "all"))


def query_limit(address, size):
    """A request of ${size} bytes that comes in words of 1 MiB."""
    s = connect(address)
    n = int(size) >> 20
    send(s, b"*%d\r\n$3\r\nDEL\r\n" % (n + 1))
    for _ in range(n):
        send(s, b"$1048576\r\n" + b"x" * 1048576 + b"\r\n")
    s.settimeout(PATIENCE)
    try:
        print("answered" if lines(s, 1) != [b""] else "closed")
    except OSError:
        print("closed")


def storm(address, n):
    """n connections at once, of which each asks; beside one that is there."""
    old = connect(address)
    new = [connect(address) for _ in range(int(n))]
    for s in new:
        send(s, b"PING\r\n")
    send(old, b"PING\r\n")
    ok = lines(old, 1) == [b"+PONG"]
    print("old %s, new %d" % (
        ok, sum(lines(s, 1) == [b"+PONG"] for s in new)))


def hold(address, n):
    """n connections that stay until this is killed."""
    held = []
    for _ in range(int(n)):
        try:
            held.append(connect(address))
        except OSError:
            break
    print("held %d" % len(held), flush=True)
    time.sleep(600)


def topics(address, n):
    """Subscribe to n channels one by one, then leave them."""
    s = connect(address)
    n = int(n)
    for word in "SUBSCRIBE", "UNSUBSCRIBE":
        for at in range(0, n, 1000):
            send(s, b"".join(cmd(word, "ch%d" % i)
                             for i in range(at, at + 1000)))
            got = lines(s, 6000)
    print("last count %s" % got[-1].decode())


def refuses(address, *words):
    """The answer to one command."""
    s = connect(address)
    send(s, cmd(*words))
    print(lines(s, 1)[0].decode("latin-1"))


CASES = {
    "half": half, "drip": drip, "pipelines": pipelines,
    "slow-subscriber": slow_subscriber, "many-queries": many_queries,
    "query-limit": query_limit, "storm": storm, "hold": hold,
    "topics": topics, "command": refuses, "table": table,
}

if __name__ == "__main__":
    if sys.argv[2] in RAW:
        print(raw(*sys.argv[1:]))
    else:
        CASES[sys.argv[2]](sys.argv[1], *sys.argv[3:])
