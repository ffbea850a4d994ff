#!/usr/bin/python3
"""large_crowd.py PORT CLIENTS ROUNDS BYTES: that many clients SET and GET a large
value each, all at the same time. Prints how many connections were closed or
got something wrong."""

import socket
import sys
import threading

port, clients, rounds, size = map(int, sys.argv[1:])
start = threading.Barrier(clients)
bad = []


def read(f):
    line = f.readline()
    if not line:
        raise EOFError("closed")
    if line[:1] != b"$" or line == b"$-1\r\n":
        return line
    return f.read(int(line[1:]) + 2)[:-2]


def client(n):
    value = bytes([65 + n % 26]) * size
    key = b"crowd:%d" % n
    try:
        s = socket.create_connection(("127.0.0.1", port), 60)
        f = s.makefile("rb")
        start.wait()
        for _ in range(rounds):
            s.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n" %
                      (len(key), key, size) + value + b"\r\n")
            if read(f) != b"+OK\r\n":
                bad.append(n)
            s.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key))
            if read(f) not in (value, b"$-1\r\n"):
                bad.append(n)
    except (OSError, EOFError) as e:
        print(n, e, file=sys.stderr)
        bad.append(n)


threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(len(bad))
