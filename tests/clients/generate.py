#!/usr/bin/python3
"""Write a script for differential.py: commands drawn at random.

usage: generate.py COUNT SEED

The same arguments give the same script. Keys are few, so that commands meet;
values and numbers are those at which implementations differ: limits, signs,
blanks, empty words, wrong options. Left out is what the manual of predis-serve
lists as different, and what depends on the clock.
"""
import random
import sys

r = random.Random(int(sys.argv[2]))

KEYS = ["a", "b", "c", "d", "n", "f", '"k 1"', '""', '"k\\x00z"', "long" * 20]
TEXTS = ["", "x", "hello", "0", "-0", "1", "-1", "01", " 1", "1 ", "+1", "1.5",
         "-1.5e3", "1e400", "nan", "inf", "-inf", "0x10",
         "9223372036854775807", "-9223372036854775808", "9223372036854775808",
         "v" * 60, "a\\x00b", "\\r\\n", "3.0000000000000001", "1e-5"]
NUMBERS = ["0", "1", "-1", "2", "5", "10", "100", "-100", "x", "", "1.0",
           "9223372036854775807", "-9223372036854775808", "2147483648",
           "18446744073709551616"]
FLOATS = ["0.1", "-0.1", "1e3", "5", "-3.5", "x", "inf", "nan", "", "1e308",
          " 1", "1 "]
# Seconds, and milliseconds where 10000 is not, so far away that a slow test does
# not matter.
TIMES = ["10000", "99999999", "x", "0", "-1", "", "9223372036854775807",
         "9223372036854775", "-9223372036854775808"]
PATTERNS = ["*", "a", "[a-c]", "[^a]", "?", "\\x5c*", "k*", "nothing", ""]
CHANNELS = ["ch1", "ch2", '""', "x*"]


def ms(s):
    return "10000000" if s == "10000" else s


def q(s):
    return s if s.startswith('"') else '"%s"' % s


def key():
    return q(r.choice(KEYS))


def text():
    return q(r.choice(TEXTS))


def num():
    return q(r.choice(NUMBERS))


def some(f, least=1, most=4):
    return " ".join(f() for _ in range(r.randint(least, most)))


def option(*names):
    """Up to two of the options, now and then a wrong one."""
    out = []
    for _ in range(r.choice([0, 0, 1, 1, 2])):
        o = r.choice(names + ("bogus",))
        if o in ("EX", "PX"):
            t = r.choice(TIMES)
            o += " " + q(ms(t) if o == "PX" else t)
        elif o in ("EXAT", "PXAT"):
            o += " " + r.choice(["99999999999", "1", "0", "x"])
        elif o in ("COUNT", "DB"):
            o += " " + num()
        elif o == "MATCH":
            o += " " + q(r.choice(PATTERNS))
        out.append(o)
    return " ".join(out)


def when(name):
    t = r.choice(TIMES) if "AT" not in name else r.choice(
        ["99999999999", "1", "0", "-1", "x", "9223372036854775807"])
    k = key()
    return "%s %s %s %s" % (name, k, q(ms(t) if name == "PEXPIRE" else t),
                            option("NX", "XX", "GT", "LT"))


def category():
    return r.choice(["+", "-"]) + r.choice(
        ["@all", "@read", "@string", "@nothing", "get", "set", "config|get",
         "config", "client|id", "nothing", "get|x", ""])


def rule():
    return q(r.choice([
        "on", "off", "nopass", "resetpass", "~*", "~a*", "%R~b*", "%W~c*",
        "%RW~d", "%~x", "%Z~x", "&*", "&ch*", "allkeys", "resetkeys",
        "allchannels", "resetchannels", "allcommands", "nocommands", ">pw",
        "<pw", "#zz", "reset", "clearselectors", "bogus", "",
        "(+get ~x)", "(~y", "+@all", "-@all"]))


MAKERS = [
    lambda: "GET " + key(),
    lambda: "MGET " + some(key),
    lambda: "STRLEN " + key(),
    lambda: "SET %s %s %s" % (key(), text(), option(
        "NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT")),
    lambda: "SET %s %s" % (key(), text()),
    lambda: "MSET " + " ".join(
        key() + " " + text() for _ in range(r.randint(1, 3))),
    lambda: "MSETNX " + some(key, 1, 4),
    lambda: "SETNX %s %s" % (key(), text()),
    lambda: "SETEX %s %s %s" % (key(), q(r.choice(TIMES)), text()),
    lambda: "PSETEX %s %s %s" % (
        key(), q(ms(r.choice(TIMES))), text()),
    lambda: "GETSET %s %s" % (key(), text()),
    lambda: "GETDEL " + key(),
    lambda: "GETEX %s %s" % (key(), option(
        "EX", "PX", "EXAT", "PXAT", "PERSIST")),
    lambda: "APPEND %s %s" % (key(), text()),
    lambda: "SETRANGE %s %s %s" % (key(), q(r.choice(
        ["0", "1", "5", "100", "-1", "x"])), text()),
    lambda: "GETRANGE %s %s %s" % (key(), num(), num()),
    lambda: "GETBIT %s %s" % (key(), num()),
    lambda: "SETBIT %s %s %s" % (key(), q(r.choice(
        ["0", "1", "7", "8", "100", "-1", "4294967296", "x"])), q(r.choice(
            ["0", "1", "2", "-1", "x"]))),
    lambda: "BITCOUNT %s %s" % (key(), r.choice(
        ["", num(), num() + " " + num(),
         "%s %s %s" % (num(), num(), r.choice(["BIT", "byte", "x"]))])),
    lambda: "BITPOS %s %s %s" % (key(), q(r.choice(["0", "1", "2", "x"])),
                                 r.choice(["", num(), num() + " " + num(),
                                           "%s %s %s" % (num(), num(),
                                                         r.choice(["BIT", "byte", "x"]))])),
    lambda: "BITOP %s %s %s" % (r.choice(["AND", "or", "XOR", "NOT", "x"]),
                                key(), some(key, 1, 3)),
    lambda: "LCS %s %s %s" % (key(), key(), " ".join(r.sample(
        ["IDX", "LEN", "WITHMATCHLEN", "MINMATCHLEN 2", "MINMATCHLEN x",
         "bogus"], r.choice([0, 0, 1, 1, 2, 3])))),
    lambda: "SUBSTR %s %s %s" % (key(), num(), num()),
    lambda: r.choice(["INCR ", "DECR "]) + key(),
    lambda: r.choice(["INCRBY ", "DECRBY "]) + key() + " " + num(),
    lambda: "INCRBYFLOAT %s %s" % (key(), q(r.choice(FLOATS))),
    lambda: r.choice(["DEL ", "UNLINK ", "EXISTS ", "TOUCH "]) + some(key),
    lambda: "TYPE " + key(),
    lambda: r.choice(["RENAME ", "RENAMENX "]) + key() + " " + key(),
    lambda: "COPY %s %s %s" % (key(), key(), option("REPLACE", "DB")),
    lambda: "MOVE %s %s" % (key(), r.choice(["1", "0", "99", "x"])),
    lambda: when(r.choice(["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"])),
    lambda: r.choice(["EXPIRETIME ", "PERSIST "]) + r.choice(
        ["nokey", "\"\"", "zz"]),
    lambda: "PERSIST " + key(),
    lambda: "~sorted KEYS " + q(r.choice(PATTERNS)),
    lambda: "DBSIZE",
    lambda: "SELECT " + r.choice(["0", "1", "0", "0", "16", "-1", "x"]),
    lambda: r.choice(["MULTI", "EXEC", "DISCARD", "UNWATCH"]),
    lambda: "WATCH " + some(key, 1, 2),
    lambda: "ECHO " + text(),
    lambda: "PING " + r.choice(["", text()]),
    lambda: "OBJECT " + r.choice(["REFCOUNT nokey", "FREQ nokey", "BOGUS x",
                                  "ENCODING nokey", "IDLETIME nokey"]),
    lambda: "COMMAND " + r.choice(
        ["GETKEYS SET x y", "GETKEYS MGET a b", "GETKEYS PING",
         "GETKEYS NOPE x", "GETKEYS EVAL x 1 k", "GETKEYS EVAL x 2 k",
         "GETKEYSANDFLAGS SET a b GET", "GETKEYSANDFLAGS RENAME a b",
         "LIST FILTERBY BOGUS x", "LIST FILTERBY MODULE nope", "BOGUS",
         "INFO nope", "INFO get", "INFO client|id", "INFO mset"]),
    lambda: "CLIENT " + r.choice(
        ["GETNAME", "SETNAME x", 'SETNAME "a b"', "ID x", "GETREDIR",
         "KILL ID x", "KILL TYPE bogus", "KILL ID 0", "LIST TYPE bogus",
         "LIST ID x", "NO-EVICT x", "NO-EVICT on", "PAUSE x", "UNPAUSE",
         "REPLY bogus", "KILL USER nobody", "LIST bogus"]),
    lambda: "CONFIG " + r.choice(
        ["GET nothing", "GET slowlog-max-len", "GET save", "GET hz",
         "GET maxmemory-samples", "SET nothing 1", "SET hz", "SET",
         "SET slowlog-max-len 64", "SET slowlog-max-len x",
         "SET slowlog-log-slower-than -2", "GET notify-keyspace-events",
         'SET notify-keyspace-events KEA', 'SET notify-keyspace-events ""',
         'SET notify-keyspace-events bogus', "GET slowlog-log-slower-than",
         'SET notify-keyspace-events Kg$xe', "GET latency-tracking",
         "SET latency-tracking maybe", "GET latency-monitor-threshold",
         "SET slowlog-max-len 32 slowlog-max-len 33", "GET acllog-max-len",
         "GET acl-pubsub-default", "BOGUS"]),
    lambda: "SLOWLOG " + r.choice(["RESET", "GET -2", "GET x", "BOGUS", ""]),
    lambda: "LATENCY " + r.choice(
        ["LATEST", "HISTORY x", "RESET", "RESET x y", "GRAPH x",
         "HISTOGRAM nope", "BOGUS", "", "HISTORY"]),
    lambda: "PUBLISH %s %s" % (r.choice(CHANNELS), text()),
    lambda: "SPUBLISH %s %s" % (r.choice(CHANNELS), text()),
    lambda: "PUBSUB " + r.choice(
        ["NUMPAT", "NUMSUB", "NUMSUB ch1 ch2", "CHANNELS nope*",
         "SHARDNUMSUB x", "SHARDCHANNELS nope*", "BOGUS", "CHANNELS a b"]),
    lambda: "ACL " + r.choice(
        ["WHOAMI", "USERS", "GETUSER nobody", "CAT nope", "GENPASS x",
         "GENPASS 0", "GENPASS 5000", "DELUSER default", "DELUSER nobody",
         "DRYRUN nobody get x", "LOG RESET", "LOG x", "BOGUS", "CAT a b"]),
    lambda: "ACL SETUSER u1 " + some(rule, 0, 3),
    lambda: "ACL SETUSER u2 reset ~a* %R~b* +@read +set &ch*",
    lambda: "ACL DRYRUN %s %s" % (r.choice(["u2", "default"]), r.choice(
        ["get a", "get b", "get c", "set a 1", "set b 1", "set b 1 get",
         "del a", "mget a b c", "publish ch1 x", "config get x", "nope",
         "get", "rename a b", "ping", "auth x", "copy b a", "subscribe ch2",
         "exists b", "touch c", "getex b", "command getkeys get x"])),
    lambda: "AUTH " + r.choice(["x", "u2 x", "nobody x", "a b c",
                                "default x"]),
    lambda: r.choice(["EVALSHA", "EVAL"]) + r.choice([
        " x y", " x -1", " x 5 a", ""]),
    lambda: "EVALSHA 0000000000000000000000000000000000000000 " + r.choice(
        ["0", "1 a", "2 a", "x", "-1"]),
    lambda: "EVALSHA c3f8721cbb97f72bc19e972846bd7aaf91901658 1 %s %s" % (
        key(), text()),
    lambda: "EVALSHA 1cac51482acf5858da00f6d685d68f886cd6b6b2 1 %s %s %s" % (
        key(), text(), r.choice(["100000", "900000"])),
    lambda: "EVALSHA a4e8783852e6b949f9ef3a97212805108459a890 1 %s %s %s %s"
    % (key(), text(), r.choice(["100000", "900000"]), r.choice("01")),
    lambda: "SCRIPT " + r.choice(["KILL", "FLUSH x", "BOGUS", "EXISTS nope",
                                  "EXISTS"]),
    lambda: r.choice(["HSET", "LPUSH", "SADD", "ZADD", "XADD"]) + "NOPE " +
    some(text, 0, 3),
    lambda: r.choice(["get", "sEt", "mget", "expire", "incr", "getex",
                      "object", "client", "acl", "pubsub", "copy"]),
    lambda: "RESET",
    lambda: "MEMORY " + r.choice(["USAGE nokey", "USAGE nokey SAMPLES x",
                                  "USAGE nokey SAMPLES -1", "BOGUS"]),
    lambda: r.choice(["FLUSHDB bogus", "FLUSHALL", "FLUSHDB", "FLUSHDB ASYNC"]),
]

# The lock scripts, as redis-py writes them, that both know from here on.
print("FLUSHALL")
made = ""
for i in range(int(sys.argv[1])):
    made = r.choice(MAKERS)()
    # A connection in RESET speaks RESP2 again: the third has that for itself.
    n = 2 if made == "RESET" else r.choice([0, 0, 0, 1])
    if made.startswith("~"):
        tag, made = made.split(" ", 1)
        print("@%d %s %s" % (n, tag, made))
    else:
        print("@%d %s" % (n, made))
