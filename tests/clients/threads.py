#!/usr/bin/python3
"""threads.py PORT SECONDS [quiet]: many clients at once against a server with
several loops. Checks what must hold whatever runs beside: words that are
written together are read together, sums add up, transactions are whole,
watched keys are seen to change, messages arrive in order, walks see every key.
Beside them run commands that make all loops wait (CONFIG, CLIENT KILL, FLUSHDB
of another database, MONITOR ...), unless "quiet". Exit 1 when something did not
hold; what is printed says what."""
import os
import sys
import threading
import time

import redis

PORT, SECONDS = int(sys.argv[1]), float(sys.argv[2])
QUIET = "quiet" in sys.argv[3:]
end = time.monotonic() + SECONDS
failures = []
counts = {}
lock = threading.Lock()


def connect(**kw):
    return redis.Redis(
        host="127.0.0.1", port=PORT, socket_timeout=120, **kw)


def fail(text):
    with lock:
        failures.append(text)


def over():
    return time.monotonic() > end or failures


def torn(n):
    """MSET of eight keys with one value; MGET and EXEC never see two."""
    c, keys = connect(), [f"torn:{n}:{i}" for i in range(8)]
    c.mset(dict.fromkeys(keys, 0))
    stop = threading.Event()

    def write():
        w, i = connect(), 0
        while not stop.is_set():
            i += 1
            if i % 3:
                w.mset(dict.fromkeys(keys, i))
            else:
                p = w.pipeline(transaction=True)
                for k in keys:
                    p.set(k, i)
                p.execute()

    t = threading.Thread(target=write)
    t.start()
    seen = 0
    while not over():
        if seen % 4:
            got = c.mget(keys)
        else:
            p = c.pipeline(transaction=True)
            for k in keys:
                p.get(k)
            got = p.execute()
        if len(set(got)) != 1:
            fail(f"torn: {got}")
        seen += 1
    stop.set()
    t.join()
    return seen


def add(n):
    """INCR by all clients; the sums are looked at in the end."""
    c, done = connect(), 0
    while not over():
        p = c.pipeline(transaction=False)
        for i in range(50):
            p.incr(f"sum:{i % 5}")
        p.execute()
        done += 50
    return done


def transfer(n):
    """WATCH, MULTI, EXEC: what is taken here is given there."""
    c, done = connect(), 0
    while not over():
        a, b = f"account:{n % 3}", f"account:{(n + 1) % 3}"
        with c.pipeline() as p:
            try:
                p.watch(a, b)
                x, y = int(p.get(a)), int(p.get(b))
                p.multi()
                p.set(a, x - 1)
                p.set(b, y + 1)
                p.execute()
                done += 1
            except redis.WatchError:
                pass
    return done


def listen(n):
    """A subscriber and its publisher, in different loops: all, in order."""
    c, name = connect(), f"channel:{n}"
    s = c.pubsub()
    s.subscribe(name)
    if s.get_message(timeout=60)["type"] != "subscribe":
        fail("no answer to SUBSCRIBE")
    talker, i = connect(), 0
    while not over():
        for k in range(5):
            if talker.publish(name, i + k) != 1:
                fail("a message to nobody")
        for k in range(5):
            m = s.get_message(timeout=60)
            if m is None or int(m["data"]) != i + k:
                fail(f"message {i + k} came as {m}")
                return i
        i += 5
    s.close()
    return i


def walk(n):
    """SCAN sees each of the keys that stay, while others come and go."""
    c, done = connect(db=1), 0
    stay = {f"stay:{i}".encode() for i in range(300)}
    if n == 0:
        c.mset(dict.fromkeys(stay, 1))
    other = connect(db=1)
    while len(other.keys("stay:*")) < 300:
        time.sleep(0.01)
    while not over():
        other.set(f"go:{done % 1000}", 1, px=5)
        found = set(c.scan_iter(match="stay:*", count=50))
        if found != stay:
            fail(f"SCAN: {len(found)} of {len(stay)}")
        if c.dbsize() < len(stay):
            fail("DBSIZE")
        done += 1
    return done


def expire(n):
    c, done = connect(), 0
    while not over():
        k = f"short:{n}:{done % 100}"
        c.set(k, "x" * (done % 3 * 20000 + 1), px=20 if done % 2 else 60000)
        v = c.get(k)
        if v is not None and len(v) not in (1, 20001, 40001):
            fail(f"{k}: {len(v)} bytes")
        c.expire(k, 100)
        c.ttl(k)
        c.delete(k) if done % 5 == 0 else c.append(k, "")
        done += 1
    return done


def operate(n):
    """What concerns the whole server."""
    c, done = connect(), 0
    while not over():
        c.info("all")
        c.client_list()
        c.config_set("maxmemory", "200mb" if done % 2 else "256mb")
        c.config_set("slowlog-log-slower-than", str(done % 2 * 1000))
        c.slowlog_get(5)
        c.memory_stats()
        c.execute_command("predis.stats")
        c.execute_command("acl", "setuser", "guest", "on", "nopass", "~*",
                          "+@all", "&*")
        if done % 7 == 0:
            c.execute_command("predis.policy", ["lru", "selector"][done % 2])
            connect(db=2).flushdb()
        if done % 5 == 0:
            c.config_set("notify-keyspace-events", "KEA")
            c.set("told", 1, px=1)
            c.config_set("notify-keyspace-events", "")
        time.sleep(0.02)
        done += 1
    return done


def kill(n):
    """Connections that are closed by somebody else."""
    c, done = connect(), 0
    while not over():
        victim = redis.Connection(host="127.0.0.1", port=PORT,
                                  socket_timeout=120)
        victim.send_command("client", "id")
        number = victim.read_response()
        if done % 2:
            victim.send_command("subscribe", "nothing")
            victim.read_response()
        if c.execute_command("client", "kill", "id", number) != 1:
            fail("a client that is there cannot be killed")
        if f"id={number} " in str(c.execute_command("client", "list")):
            fail("a client that was killed is told of")
        try:
            victim.send_command("ping")
            victim.read_response()
            fail("a client that was killed gets answers")
        except redis.exceptions.ConnectionError:
            pass
        victim.disconnect()
        done += 1
    return done


def watch_all(n):
    done = 0
    while not over():
        c = connect()
        with c.monitor() as m:
            for _ in range(20):
                m.next_command()
                done += 1
        c.close()
        time.sleep(0.05)
    return done


def other(n):
    """In another database, so that FLUSHDB has something to delete."""
    c, done = connect(db=2), 0
    while not over():
        p = c.pipeline(transaction=False)
        for i in range(100):
            p.set(f"k{n}:{(done + i) % 5000}", "v" * 100)
            p.get(f"k{n}:{(done * 7 + i) % 5000}")
        p.execute()
        done += 100
    return done


def run(fn, n):
    try:
        done = fn(n)
    except Exception as e:
        fail(f"{fn.__name__}: {type(e).__name__}: {e}")
        return
    with lock:
        counts[fn.__name__] = counts.get(fn.__name__, 0) + done


def main():
    kinds = [(torn, 2), (add, 3), (transfer, 3), (listen, 2), (walk, 2),
             (expire, 2), (other, 2)]
    if not QUIET:
        kinds += [(operate, 1), (kill, 1), (watch_all, 1)]
    c = connect()
    c.mset({f"account:{i}": 1000 for i in range(3)})
    c.delete(*(f"sum:{i}" for i in range(5)))
    threads = [threading.Thread(target=run, args=(fn, n))
               for fn, many in kinds for n in range(many)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if not failures:
        sums = sum(int(v or 0) for v in c.mget([f"sum:{i}" for i in range(5)]))
        if sums != counts["add"]:
            fail(f"INCR: {sums}, not {counts['add']}")
        money = sum(int(v) for v in c.mget([f"account:{i}" for i in range(3)]))
        if money != 3000:
            fail(f"transfers: {money}, not 3000")
    for name, n in sorted(counts.items()):
        print(f"{name} {n}")
    for text in failures[:20]:
        print("FAILED", text)
    sys.stdout.flush()
    os._exit(1 if failures else 0)


main()
