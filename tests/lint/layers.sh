#!/bin/sh
# Fails on an #include that climbs the layers (ARCHITECTURE.md).
set -u
cd "$(dirname "$0")/../.." || exit 2
may() {
	case $1 in
	base) echo base ;;
	io) echo base io ;;
	stat) echo base stat ;;
	data) echo base io data ;;
	model) echo base io stat data model ;;
	cache) echo base io stat data model cache ;;
	learn) echo base io stat data model cache learn ;;
	export) echo base io stat export ;;
	cli) echo base io cli ;;
	*) echo ;;
	esac
}
bad=0
for f in lib/*/*.c lib/*/*.h; do
	[ -e "$f" ] || continue
	m=${f#lib/} m=${m%%/*}
	for inc in $(sed -n 's/^#include "\([^"/]*\)\/.*/\1/p' "$f" | sort -u); do
		case " $(may "$m") " in
		*" $inc "*) ;;
		*) echo "$f: lib/$m may not include $inc/"; bad=1 ;;
		esac
	done
	if grep -nE '\b(printf|puts|fprintf|perror|exit|_exit|abort)\(' "$f" |
	    grep -v '^[0-9]*:[[:space:]]*\*' | grep -q . && [ "$m" != cli ]; then
		echo "$f: lib/ never prints and never exits:"
		grep -nE '\b(printf|puts|fprintf|perror|exit|_exit|abort)\(' "$f"
		bad=1
	fi
done
exit $bad
