#!/bin/sh
# Each build switch builds and passes its unit tests without the others.
set -eu
cd "$(dirname "$0")/../.."
KAFKA=1 sh share/deps.sh build test
for sw in "MLOPS_ENABLED=0 TLS=0 KAFKA=0" "MLOPS_ENABLED=1 TLS=0 KAFKA=0" \
    "MLOPS_ENABLED=0 TLS=1 KAFKA=0" "MLOPS_ENABLED=0 TLS=0 KAFKA=1"; do
	echo "== $sw"
	# shellcheck disable=SC2086
	make --no-print-directory -j"$(nproc)" B=build-switch DEVELOPER=1 $sw \
	    all check-build >/dev/null
	B=build-switch sh tests/run.sh unit
	rm -rf build-switch
done
