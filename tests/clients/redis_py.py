#!/usr/bin/python3
"""What users of python3-redis do, against the server on the port given."""
import sys
import time

import redis

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
print("ok")
