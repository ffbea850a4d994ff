#!/bin/sh
# The same sources in two folders give the same binaries. The sources are what
# lies here, not what git holds: a clone may be shallow or somebody else's.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
for c in one two/deeper; do
	mkdir -p "$d/$c"
	(cd "$top" && tar -cf - --exclude=./build --exclude='./build-*' \
	    --exclude=./.git .) | tar -C "$d/$c" -xf -
	make -s -C "$d/$c" -j"$(nproc)" all >"$d/log" 2>&1 || {
		cat "$d/log"
		echo "not ok 1 - the sources build in another folder"
		exit 1
	}
	(cd "$d/$c/build" && sha256sum predis-* libpredis.a) >"$d/$(basename "$c").sum"
done
cmp -s "$d/one.sum" "$d/deeper.sum" || {
	diff "$d/one.sum" "$d/deeper.sum"
	echo "not ok 1 - two folders give other binaries"
	exit 1
}
cat "$d/one.sum"
echo "ok 1 - the same binaries from two folders"
