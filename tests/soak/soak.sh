#!/bin/sh
# make soak: 500 connections that come and go, a third of them misbehaving,
# against predis-serve, for SOAK_SECONDS (600). Every reply to the others is
# checked byte for byte. Exit 1 on a wrong reply, a leak of memory or
# descriptors, counters that do not fit, or a report of a sanitizer.
# Environment: B, the build folder (build-asan, build-tsan ...); SOAK_SECONDS;
# SOAK_CLIENTS (500); SOAK_OPTIONS, more options of predis-serve; SOAK_SEED.
set -u
B=${B:-build}
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
case $B in /*) ;; *) B=$top/$B ;; esac
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 2 # names of sockets must be short
# Sanitizers want addresses where they expect them.
run=
case $B in *asan* | *tsan*)
	command -v setarch >/dev/null && run='setarch -R' ;;
esac
PREDIS_CONFIG=none python3 "$top/tests/soak/soak.py" ${run:+"$run"} "$B/predis-serve"
