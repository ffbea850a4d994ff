#!/bin/sh
# make bench: every benchmark, peers beside Predis in one run. Absolute times
# depend on the machine; read the ratios.
set -u
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build}
case $B in /*) ;; *) B=$PWD/$B ;; esac
PATH=$B:$PATH
export B LC_ALL=C PREDIS_CONFIG=none
for t in "$B"/tests/bench/*_bench; do
	[ -x "$t" ] || continue
	echo "== $(basename "$t" _bench)"
	"$t"
done
for t in tests/bench/*_bench.sh; do
	[ -e "$t" ] || continue
	echo "== $(basename "$t" _bench.sh)"
	sh "$t"
done
