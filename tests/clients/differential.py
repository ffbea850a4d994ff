#!/usr/bin/python3
"""Send one script of commands to two RESP servers and compare the replies.

usage: differential.py REDIS PREDIS SCRIPT [--resp 2|3]

REDIS and PREDIS are ports or Unix sockets. Each line of SCRIPT is an inline command, as a client would type it; words in
double quotes take \\xHH, \\r and \\n. A line that starts with '!' is sent as it
stands after unescaping (raw bytes), and the connection is opened anew after
it. '#' starts a comment. '@N' in front of a line sends it on connection N. A
line that starts with '~' has a reply that may differ in ways its tag says:
    ~any        only that there is a reply
    ~sorted     the order of the elements does not matter
    ~type       only the type of the reply counts
    ~soon       sent again until both say the same, for a while
Replies are compared byte for byte otherwise, but for what TTL and PTTL say,
which may be seconds apart: the two are not asked at the same moment.
Differences are printed; exit 0 when there is none, 1 when there are, 2 when
the comparison failed.
"""
import socket
import sys
import time

PATIENCE = 60  # seconds for a reply
QUIET = 0.25  # seconds after which a peer has said all it will


class Conn:
    def __init__(self, address):
        if "/" in address:
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(PATIENCE)
            self.s.connect(address)
        else:
            self.s = socket.create_connection(
                ("127.0.0.1", int(address)), timeout=PATIENCE)
        self.buf = b""

    def line(self):
        while b"\r\n" not in self.buf:
            d = self.s.recv(65536)
            if not d:
                raise EOFError
            self.buf += d
        l, self.buf = self.buf.split(b"\r\n", 1)
        return l + b"\r\n"

    def exact(self, n):
        while len(self.buf) < n:
            d = self.s.recv(65536)
            if not d:
                raise EOFError
            self.buf += d
        d, self.buf = self.buf[:n], self.buf[n:]
        return d

    def reply(self):
        """One reply as its bytes and its parts."""
        l = self.line()
        t = l[:1]
        if t in b"+-:_,#(":
            return l, []
        n = int(l[1:])
        if t in b"$=!":
            return (l, []) if n < 0 else (l + self.exact(n + 2), [])
        parts = []
        if t == b"%":
            n *= 2
        for _ in range(max(n, 0)):
            parts.append(self.reply()[0])
        return l + b"".join(parts), parts


def unescape(b):
    out, i = b"", 0
    while i < len(b):
        if b[i:i + 2] == b"\\x":
            out += bytes([int(b[i + 2:i + 4], 16)])
            i += 4
        elif b[i:i + 1] == b"\\" and b[i + 1:i + 2] in (b"r", b"n", b"t"):
            out += {b"r": b"\r", b"n": b"\n", b"t": b"\t"}[b[i + 1:i + 2]]
            i += 2
        else:
            out += b[i:i + 1]
            i += 1
    return out


def words(line):
    """The words of a line; "..." may hold blanks and escapes."""
    out, i = [], 0
    while i < len(line):
        if line[i:i + 1] in (b" ", b"\t"):
            i += 1
            continue
        if line[i:i + 1] == b'"':
            j = line.index(b'"', i + 1)
            out.append(unescape(line[i + 1:j]))
            i = j + 1
        else:
            j = i
            while j < len(line) and line[j:j + 1] not in (b" ", b"\t"):
                j += 1
            out.append(line[i:j])
            i = j
    return out


def encode(w):
    return b"*%d\r\n" % len(w) + b"".join(
        b"$%d\r\n%s\r\n" % (len(x), x) for x in w)


def rest(conn, got):
    """Read until the peer closes or says no more."""
    conn.s.settimeout(QUIET)
    try:
        while True:
            d = conn.s.recv(65536)
            if not d:
                return got + b"<closed>"
            got += d
    except (socket.timeout, TimeoutError):
        return got
    except OSError:
        return got + b"<closed>"


def raw(conns, data):
    """Send bytes to both, read until both have said the same, or for long."""
    got = [b"", b""]
    for i, c in enumerate(conns):
        try:
            c.s.sendall(data)
        except OSError:
            pass
    end = time.monotonic() + PATIENCE / 10
    while True:
        for i, c in enumerate(conns):
            if not got[i].endswith(b"<closed>"):
                got[i] = rest(c, got[i])
        if got[0] == got[1] or time.monotonic() > end:
            return got


def near(command, a, b):
    """Whether two replies to TTL or PTTL differ by some seconds only."""
    slack = {b"ttl": 10, b"pttl": 10000}.get(command.lower(), 0)
    if slack == 0 or a[:1] != b":" or b[:1] != b":":
        return False
    a, b = int(a[1:]), int(b[1:])
    return a > 0 and b > 0 and abs(a - b) <= slack


def main():
    a, b, script = sys.argv[1:4]
    resp = int(sys.argv[5]) if len(sys.argv) > 5 else 2
    conns = {}
    count = diffs = 0

    def get(n):
        if n not in conns:
            conns[n] = (Conn(a), Conn(b))
            if resp == 3:
                for c in conns[n]:
                    c.s.sendall(encode([b"HELLO", b"3"]))
                    c.reply()
        return conns[n]

    for number, line in enumerate(open(script, "rb"), 1):
        line = line.rstrip(b"\n")
        if not line or line.startswith(b"#"):
            continue
        n, tag = b"0", b""
        if line.startswith(b"@"):
            n, line = line[1:].split(b" ", 1)
        if line.startswith(b"~"):
            tag, line = line[1:].split(b" ", 1)
        if line.startswith(b"sleep "):
            time.sleep(float(line.split()[1]))
            continue
        count += 1
        if line.startswith(b"!"):
            old = conns.pop(n, None)
            if old:
                for c in old:
                    c.s.close()
            data = unescape(line[1:].strip())
            pa, pb = raw((Conn(a), Conn(b)), data)
            qa = qb = []
        else:
            pair = get(n)
            command = words(line)
            data = encode(command)
            end = time.monotonic() + (PATIENCE if tag == b"soon" else 0)
            while True:
                res = []
                for c in pair:
                    c.s.settimeout(PATIENCE)
                    try:
                        c.s.sendall(data)
                        res.append(c.reply())
                    except (EOFError, ConnectionError):
                        res.append((b"<closed>", []))
                        conns.pop(n, None)
                    except socket.timeout:
                        res.append((b"<no reply>", []))
                (pa, qa), (pb, qb) = res
                if pa == pb or time.monotonic() > end:
                    break
                time.sleep(0.05)
        same = pa == pb or not line.startswith(b"!") and near(
            command[0], pa, pb)
        if tag == b"any":
            same = bool(pa) and bool(pb) and pb != b"<no reply>"
        elif tag == b"type":
            same = pa[:1] == pb[:1]
        elif tag == b"sorted":
            same = pa[:1] == pb[:1] and sorted(qa) == sorted(qb)
        if not same:
            diffs += 1
            print(f"line {number}: {line[:100].decode(errors='replace')}")
            print(f"  redis:  {pa[:600]!r}")
            print(f"  predis: {pb[:600]!r}")
    print(f"{count} commands, RESP{resp}: {diffs} differences")
    return 1 if diffs else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, IndexError) as e:
        print(f"differential.py: {e}", file=sys.stderr)
        sys.exit(2)
