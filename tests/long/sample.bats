# What samples tell of the development traces: the miss ratio of LRU with room
# for 1%, 10% and 30% of the keys, from 1% and 10% of the keys, where these are
# at least 4,000, with five selections each. tests/cli/mrc.bats is the short
# form.

setup() { load ../lib/common; }

AT=1%,10%,30%

# keys FILE: how many there are.
keys() { predis-sample mrc --json --at 100% "$1" | jq .tracked_keys; }

# errors TRACE RATE: of five samples against all keys, a line each size.
errors() {
	for seed in 1 2 3 4 5; do
		(umask 077 && printf '%032d' "$seed" >key)
		predis-sample import --key-file key --rate "$2" "$1" |
		    predis-sample mrc --at "$AT" --max-error 1 |
		    sed 1d | cut -f 3 | paste true - |
		    awk '{ print ($1 > $2 ? $1 - $2 : $2 - $1) }'
	done
}

@test "the mean absolute error is at most 0.015 on each trace and rate" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	cells=0 bad=0
	for t in "$d"/*.csv.gz; do
		n=$(keys "$t")
		for rate in 0.01 0.1; do
			awk "BEGIN { exit !($n * $rate >= 4000) }" || continue
			predis-sample mrc --at "$AT" "$t" | sed 1d |
			    cut -f 3 >true
			mean=$(errors "$t" "$rate" |
			    awk '{ s += $1 } END { printf "%.4f", s / NR }')
			echo "${t##*/} at $rate: $mean" >&3
			cells=$((cells + 1))
			awk "BEGIN { exit !($mean <= 0.015) }" ||
			    bad=$((bad + 1))
		done
	done
	[ "$cells" -ge 5 ]
	[ "$bad" -eq 0 ]
}
