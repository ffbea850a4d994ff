#!/bin/sh
# compare-replay.sh REFERENCE.csv TRACE...: simulates every cell of the
# reference figures that a trace has, and prints one line for each policy and
# mode: cells, largest difference and where, the mean, the allowed one. Exit 1
# when a difference is larger than allowed.
#
# Not judged, because libCacheSim does something else on purpose:
#   s3fifo, qdlp under 20 objects: their small queue is rounded to nothing
#   there, so that everything misses;
#   redis-* under 100 objects, where chance rules;
#   wtinylfu: its window has a fixed size there;
#   bytes: policies with a queue that is a part of the cache; there they refuse
#   objects larger than that part.
# lhd may be better than there, where it learns after a million requests only.
set -u
reference=$1
shift
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT INT TERM
policies=lru,fifo,clock,belady,arc,2q,lirs,sieve,s3fifo,qdlp,slru,lfu,wtinylfu
policies=$policies,lhd,gdsf,redis-lru,redis-lfu,random

# run TRACE obj|byte OPTION...
run() {
	trace=$1 mode=$2
	shift 2
	sizes=$(awk -F, -v t="$(basename "$trace" .csv.gz)" -v m="$mode" \
	    '$1 == t && $6 == m { print $7 }' "$reference" | sort -un |
	    paste -sd, -)
	[ -n "$sizes" ] || return 0
	predis-replay "$@" --policy "$policies" --size "$sizes" "$trace" \
	    >"$work/out" || exit 2
	sed "1d; s/^/$mode	/" "$work/out" >>"$work/ours"
}

for t in "$@"; do
	run "$t" obj
	run "$t" byte --bytes
done
awk -v FS='[,\t]' '
	function allow(mode, names, limit,    n, i, list) {
		n = split(names, list, " ")
		for (i = 1; i <= n; i++)
			allowed[mode, list[i]] = limit
	}
	BEGIN {
		allow("obj", "lru fifo clock belady lfu gdsf", 0.0005)
		allow("obj", "arc twoq lirs sieve s3fifo qdlp slru", 0.01)
		allow("obj", "redis-lru-s5 redis-random", 0.005)
		allow("obj", "lhd", 0.025)
		allow("obj", "redis-lfu-s5", 0.04)
		allow("byte", "lru fifo clock belady lfu sieve gdsf", 0.0005)
		allow("byte", "lhd", 0.025)
		name["2q"] = "twoq"
		name["redis-lru"] = "redis-lru-s5"
		name["redis-lfu"] = "redis-lfu-s5"
		name["random"] = "redis-random"
	}
	NR == FNR {
		want[$6, $1, $3, $7] = $4
		next
	}
	{
		p = ($3 in name) ? name[$3] : $3
		if (!(($1, $2, p, $4) in want))
			next
		if ((p == "s3fifo" || p == "qdlp") && $4 < 20)
			next
		if (p ~ /^redis/ && $4 < 100)
			next
		d = $7 - want[$1, $2, p, $4]
		d = d < 0 ? (p == "lhd" ? 0 : -d) : d
		k = $1 SUBSEP p
		cells[k]++
		sum[k] += d
		if (d >= most[k] + 0) {
			most[k] = d
			at[k] = $2 " " $4
		}
	}
	END {
		for (k in cells) {
			split(k, part, SUBSEP)
			limit = (k in allowed) ? allowed[k] : "-"
			printf "%-4s %-12s %2d cells, largest difference " \
			    "%.4f (%s), mean %.4f, allowed %s\n", part[1],
			    part[2], cells[k], most[k], at[k],
			    sum[k] / cells[k], limit
			# the reference has four digits
			if (limit != "-" && most[k] > limit + 0.00005)
				bad = 1
			n++
		}
		exit bad || n == 0
	}' "$reference" "$work/ours"
