# The five wounds, done to redis-server and to predis-serve (make bench-wounds).

setup() { load ../lib/common; }

@test "five wounds: no key is lost, and memory stays near its limit" {
	command -v redis-server >/dev/null || skip "no redis-server"
	QUICK=1 timeout 300 sh "$TOP/tests/bench/wounds.sh" >table 3>&- || {
		cat table
		return 1
	}
	sed 's/^/# /' table >&3
	# The wounds are some: redis loses keys to the large value.
	after=$(sed -nE 's/^30 MB SET .* redis +50000 +([0-9]+) .*/\1/p' table)
	[ "$after" -lt 50000 ]
	[ "$(grep -c ' predis ' table)" -ge 4 ]
}
