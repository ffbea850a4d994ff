#!/usr/bin/python3
"""What users of python3-redis do.

usage: redis_py.py PORT SOCKET [TLS_PORT CERTIFICATE]
"""
import sys
import threading
import time

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

r = redis.Redis(port=int(sys.argv[1]), client_name="test", db=1)
assert r.ping()
assert r.client_getname() in ("test", b"test")
r.set("k", "v", ex=100)
assert r.get("k") == b"v"
assert 0 < r.ttl("k") <= 100
assert r.set("k", "w", nx=True) is None
assert r.incrby("n", 5) == 5
assert r.incrbyfloat("f", 0.5) == 0.5

p = r.pipeline()  # MULTI and EXEC
p.set("a", 1).incr("a").get("a")
assert p.execute() == [True, 2, b"2"]
p = r.pipeline(transaction=False)
for i in range(10000):
    p.set(f"key:{i}", i)
assert all(p.execute())
assert r.mget(["key:1", "key:9999", "nokey"]) == [b"1", b"9999", None]
assert len(set(r.scan_iter(match="key:*", count=100))) == 10000
assert r.dbsize() == 10004

with r.pipeline() as p:  # optimistic locking
    p.watch("a")
    r.set("a", "changed")
    p.multi()
    p.get("a")
    try:
        p.execute()
        raise SystemExit("WATCH did not notice")
    except redis.WatchError:
        pass
try:
    r.execute_command("HSET", "h", "f", "v")
    raise SystemExit("HSET exists")
except redis.ResponseError as e:
    assert "unknown command" in str(e)
r.setex("gone", 1, "x")
r.pexpire("gone", 30)
time.sleep(0.05)
assert r.get("gone") is None
big = bytes(range(256)) * 4096
assert r.set("big", big) and r.get("big") == big
info = r.info()
assert info["redis_version"] and info["predis_version"]
assert info["db1"]["keys"] == r.dbsize()
assert r.config_get("maxmemory-policy")["maxmemory-policy"].startswith(
    "allkeys-")
assert r.flushdb() and r.dbsize() == 0

# Locks: their scripts are done without an interpreter.
lock = r.lock("lock", timeout=10)
assert lock.acquire()
assert not r.lock("lock", timeout=10).acquire(blocking=False)
assert lock.locked() and lock.owned()
assert lock.extend(20) and 20 < r.ttl("lock") <= 30
assert lock.extend(20, replace_ttl=True) and r.ttl("lock") <= 20
assert lock.reacquire() and r.ttl("lock") <= 10
lock.release()
assert r.get("lock") is None
assert lock.acquire()
r.set("lock", "somebody else")
for step in (lock.release, lambda: lock.extend(1), lock.reacquire):
    if step == lock.release:
        token = lock.local.token
    try:
        step()
        raise SystemExit("a lock of another was taken")
    except redis.exceptions.LockError:
        lock.local.token = token
r.delete("lock")
with r.lock("lock", timeout=5, blocking_timeout=1):
    assert r.exists("lock")

# Messages, and what happens to keys.
r.config_set("notify-keyspace-events", "KEA")
p = r.pubsub()
p.subscribe("news", "__keyevent@1__:set")
p.psubscribe("__keyspace@1__:watched*")


def message():
    for _ in range(600):
        m = p.get_message(ignore_subscribe_messages=True, timeout=0.05)
        if m:
            return m["type"], m["channel"], m["data"]
    raise SystemExit("no message")


while p.get_message(timeout=0.2):
    pass
assert r.publish("news", "hello") == 1
assert message() == ("message", b"news", b"hello")
r.set("watched", "1", px=50)
seen = set()
for _ in range(100):
    m = p.get_message(ignore_subscribe_messages=True, timeout=0.3)
    if m:
        seen.add(m["data"])
    if {b"expire", b"expired"} <= seen:
        break
assert {b"expire", b"expired"} <= seen, seen
assert r.pubsub_numsub("news") == [(b"news", 1)]
p.close()
r.config_set("notify-keyspace-events", "")

# Users.
assert r.acl_setuser("worker", enabled=True, passwords=["+pw"],
                     keys=["job:*"], commands=["+get", "+set"])
w = redis.Redis(port=int(sys.argv[1]), username="worker", password="pw", db=0)
assert w.set("job:1", "x") and w.get("job:1") == b"x"
for words in (("GET", "other"), ("DEL", "job:1")):
    try:
        w.execute_command(*words)
        raise SystemExit("a rule was passed over")
    except redis.exceptions.NoPermissionError:
        pass
assert [e["reason"] for e in r.acl_log()][:2] == ["command", "key"]
assert r.acl_deluser("worker") == 1
assert r.slowlog_reset() and r.slowlog_len() >= 0
assert r.memory_stats()["keys.count"] >= r.dbsize() + 1

# Many threads over one pool; more of them than it has connections.
pool = redis.BlockingConnectionPool(
    host="127.0.0.1", port=int(sys.argv[1]), max_connections=4, timeout=30)
shared = redis.Redis(connection_pool=pool)
shared.delete("counter")


def count():
    for _ in range(250):
        shared.incr("counter")


threads = [threading.Thread(target=count) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert shared.get("counter") == b"2000"
pool.disconnect()

# A connection that was cut is made anew, in the same database, by the client.
again = redis.Redis(
    port=int(sys.argv[1]), db=1, retry=Retry(ConstantBackoff(0.01), 100),
    retry_on_error=[redis.ConnectionError])
again.set("kept", "here")
first = again.client_id()
assert r.client_kill_filter(_id=first) == 1
assert again.get("kept") == b"here" and again.client_id() != first

# Scans by type, texts instead of bytes, large pipelines of reads.
text = redis.Redis(
    port=int(sys.argv[1]), db=1, decode_responses=True, encoding="utf-8")
assert text.set("gr\u00fc\u00dfe", "\u4f60\u597d")
assert text.get("gr\u00fc\u00dfe") == "\u4f60\u597d"
assert "gr\u00fc\u00dfe" in set(text.scan_iter(_type="string"))
assert not list(text.scan_iter(_type="hash"))
p = text.pipeline(transaction=False)
for i in range(5000):
    p.get("kept")
assert set(p.execute()) == {"here"}
assert text.transaction(lambda p: p.multi() or p.incr("t"), "t") == [1]
assert text.bitcount("kept") > 0 and text.getbit("kept", 0) == 0

# What is not there answers at once, and the connection goes on.
for words in (("BLPOP", "q", "0"), ("EVAL", "return 1", "0"),
              ("CLUSTER", "SLOTS"), ("XREAD", "STREAMS", "s", "0")):
    try:
        text.execute_command(*words)
        raise SystemExit("%s is there" % words[0])
    except redis.ResponseError:
        pass
assert text.get("kept") == "here"

# Other ways in.
u = redis.Redis(unix_socket_path=sys.argv[2], db=1)
assert u.get("kept") == b"here"
if len(sys.argv) > 4:
    t = redis.Redis(host="127.0.0.1", port=int(sys.argv[3]), db=1, ssl=True,
                    ssl_ca_certs=sys.argv[4], ssl_check_hostname=False)
    assert t.get("kept") == b"here"
    t.set("tls", big)
    assert t.get("tls") == big
    try:
        redis.Redis(host="127.0.0.1", port=int(sys.argv[3]), ssl=True,
                    retry=Retry(ConstantBackoff(0.01), 0)).ping()
        raise SystemExit("a certificate of nobody was taken")
    except redis.ConnectionError:
        pass
print("ok")
