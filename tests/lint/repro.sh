#!/bin/sh
# Two clones in two folders give the same binaries.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
for c in one two/deeper; do
	git clone -q "$top" "$d/$c"
	make -s -C "$d/$c" -j"$(nproc)" all >/dev/null
	(cd "$d/$c/build" && sha256sum predis-* libpredis.a) >"$d/$(basename "$c").sum"
done
cmp -s "$d/one.sum" "$d/deeper.sum" || {
	diff "$d/one.sum" "$d/deeper.sum"
	exit 1
}
echo "the same binaries from two folders:"
cat "$d/one.sum"
