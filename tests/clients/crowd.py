#!/usr/bin/python3
"""crowd.py PORT [CLIENTS [ROUNDS]]: many clients at once, each with long
pipelines of commands on its own keys and on one that all share, others
between them. Replies must come in order, each of the value that the commands
before it left, and what all added must be there in the end."""

import random
import selectors
import socket
import sys

port = int(sys.argv[1])
clients = int(sys.argv[2]) if len(sys.argv) > 2 else 64
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
rng = random.Random(1)


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w)
        for w in (x if isinstance(x, bytes) else str(x).encode()
                  for x in words))


def bulk(value):
    v = str(value).encode()
    return b"$%d\r\n%s\r\n" % (len(v), v)


class Client:
    def __init__(self, number):
        self.number = number
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.value = {}
        self.count = self.added = 0
        self.want = self.have = b""

    def pick(self):
        """One command, and its reply; None: some number."""
        key = "own:%d:%d" % (self.number, rng.randrange(8))
        kind = rng.randrange(40)
        if kind < 14:
            self.value[key] = rng.randrange(10 ** rng.randrange(1, 60))
            return command("SET", key, self.value[key]), b"+OK\r\n"
        if kind < 28:
            v = self.value.get(key)
            return command("GET", key), b"$-1\r\n" if v is None else bulk(v)
        if kind < 34:
            self.count += 1
            return (command("INCR", "count:%d" % self.number),
                    b":%d\r\n" % self.count)
        if kind < 36:
            self.added += 1
            return command("APPEND", "shared", "x"), None
        if kind == 36:
            return command("PING", "pong"), bulk("pong")
        if kind == 37:
            had = self.value.pop(key, None) is not None
            return command("DEL", key), b":%d\r\n" % had
        if kind == 38:
            keys = ["own:%d:%d" % (self.number, i) for i in range(8)]
            values = [self.value.get(k) for k in keys]
            return command("MGET", *keys), b"*8\r\n" + b"".join(
                b"$-1\r\n" if v is None else bulk(v) for v in values)
        self.count += 1
        return (command("MULTI") + command("INCR", "count:%d" % self.number) +
                command("EXEC"),
                b"+OK\r\n+QUEUED\r\n*1\r\n:%d\r\n" % self.count)

    def ask(self, n):
        self.replies = []
        out = []
        for _ in range(n):
            text, reply = self.pick()
            out.append(text)
            self.replies.append(reply)
        self.sock.sendall(b"".join(out))
        self.have = b""

    def check(self):
        """True when all replies are there, as they must be."""
        at = 0
        for reply in self.replies:
            if reply is None:
                end = self.have.find(b"\r\n", at)
                if end < 0:
                    return False
                assert self.have[at:at + 1] == b":", self.have[at:end]
                at = end + 2
                continue
            got = self.have[at:at + len(reply)]
            assert reply.startswith(got), (self.number, reply, got)
            if len(got) < len(reply):
                return False
            at += len(reply)
        assert at == len(self.have), self.have[at:]
        return True


def main():
    all_of_them = [Client(i) for i in range(clients)]
    first = all_of_them[0].sock
    first.sendall(command("FLUSHALL"))
    assert first.recv(100) == b"+OK\r\n"
    waiting = selectors.DefaultSelector()
    for _ in range(rounds):
        for c in all_of_them:
            c.ask(rng.choice((1, 8, 30, 60)))
            waiting.register(c.sock, selectors.EVENT_READ, c)
        left = clients
        while left > 0:
            ready = waiting.select(30)
            assert ready, "no reply within 30 s"
            for key, _ in ready:
                piece = key.data.sock.recv(1 << 20)
                assert piece, "closed"
                key.data.have += piece
                if key.data.check():
                    waiting.unregister(key.data.sock)
                    left -= 1
    first.sendall(command("STRLEN", "shared"))
    got, want = first.recv(100), sum(c.added for c in all_of_them)
    assert got == b":%d\r\n" % want, (got, want)


main()
