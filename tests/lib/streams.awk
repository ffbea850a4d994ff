# Streams that are made to hurt a cache of a given number of objects, as csv
# (time,key,size,op). The same options give the same stream with every awk.
#
#   awk -v kind=KIND -v capacity=C -v n=REQUESTS [-v seed=S] -f streams.awk
#
# random   uniform over 10 C keys: nothing can be learned
# loop     C + 1 keys in turn: LRU always misses
# floods   Zipf over 10 C keys; every 5,000 requests 1,000 keys never seen again
# scans    Zipf over 10 C keys; every 10,000 requests a walk over the same 2 C
# twice    every key is asked twice, C/2 other requests apart, and never again:
#          LRU is as good as it gets, and what demotes new keys early misses all
# drift    exponential recency: LRU is right, frequency is wrong
# zipf     Zipf over 10 C keys
# flip     10,000 requests of twice, 10,000 of scans, in turn: who rules last is
#          wrong next
# decoy    20,000 of zipf, then twice: what was learned first turns wrong

function uniform() # Park and Miller's generator: exact in a double
{
	state = (state * 16807) % 2147483647
	return state / 2147483647
}

# A Zipf-like rank below m: log-uniform, which is an exponent of 1.
function zipf(m)
{
	return int(exp(uniform() * log(m + 1))) - 1
}

function twice()
{
	pair++
	if (pair % 2)
		return "t" int(pair / 2)
	return "t" (int(pair / 2) - int(capacity / 2))
}

function scans(i)
{
	if (i % 10000 < 2 * capacity && 2 * capacity < 10000)
		return "s" (i % 10000)
	return "z" zipf(10 * capacity)
}

function drift(    d)
{
	if (uniform() < 0.3)
		return "d" newest++
	do
		d = int(-log(1 - uniform()) * capacity / 3)
	while (d >= newest && newest > 0)
	return "d" (newest - 1 - d)
}

function key_of(i)
{
	if (kind == "random")
		return "r" int(uniform() * 10 * capacity)
	if (kind == "loop")
		return "l" (i % (capacity + 1))
	if (kind == "floods")
		return i % 5000 < 1000 ? "f" i : "z" zipf(10 * capacity)
	if (kind == "scans")
		return scans(i)
	if (kind == "twice")
		return twice()
	if (kind == "drift")
		return drift()
	if (kind == "zipf")
		return "z" zipf(10 * capacity)
	if (kind == "flip")
		return int(i / 10000) % 2 ? scans(i) : twice()
	if (kind == "decoy")
		return i < 20000 ? "z" zipf(10 * capacity) : twice()
	print "streams.awk: no kind " kind >"/dev/stderr"
	exit 2
}

BEGIN {
	state = 1 + (seed == "" ? 1 : seed) * 48271 % 2147483646
	for (warm = 0; warm < 10; warm++)
		uniform()
	newest = 1
	print "time,key,size,op"
	for (i = 0; i < n; i++)
		print i "," key_of(i) ",1,get"
}
