#!/bin/sh
# make bench-wounds: five wounds done to redis-server and to predis-serve in
# one run, as a table: keys before and after, the peak of resident memory, what
# the client saw. Exit 1 when predis-serve loses a key, dies, or takes more
# than its memory limit and 64 MiB. QUICK=1: less of each.
set -u
B=${B:-build}
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
case $B in /*) ;; *) B=$top/$B ;; esac
for p in redis-server python3; do
	command -v "$p" >/dev/null || {
		echo "wounds.sh: '$p' is not installed" >&2
		exit 2
	}
done
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 2 # names of sockets must be short
PREDIS_CONFIG=none python3 "$top/tests/bench/wounds.py" "$B/predis-serve"
