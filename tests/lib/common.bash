# Shared by the bats files: load with `load ../lib/common` in setup().
TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=${B:-$TOP/build}
case $BIN in /*) ;; *) BIN=$TOP/$BIN ;; esac
PATH=$BIN:$PATH
export LC_ALL=C TZ=UTC PREDIS_CONFIG=none
cd "$BATS_TEST_TMPDIR" || exit 1

# traces_dir: prints the folder of the development traces, or skips the test.
traces_dir() {
	local d
	for d in "${PREDIS_TRACES:-}" "$TOP/../shared/traces"; do
		if [ -n "$d" ] && [ -e "$d/miss-ratios.csv" ]; then
			echo "$d"
			return 0
		fi
	done
	return 1
}

# wait_for COMMAND...: retries for half a minute.
wait_for() {
	local end=$((SECONDS + 30))
	while [ $SECONDS -le $end ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "timed out: $*" >&2
	return 1
}

# start_serve [OPTION...]: starts predis-serve on a free port; sets PORT, PID.
start_serve() {
	predis-serve --port 0 --port-file "$BATS_TEST_TMPDIR/port" "$@" \
	    >"$BATS_TEST_TMPDIR/serve.log" 2>&1 3>&- &
	PID=$!
	wait_for test -s "$BATS_TEST_TMPDIR/port"
	PORT=$(cat "$BATS_TEST_TMPDIR/port")
}

# tapped COUNT: that many read the server's tap. Use with wait_for.
tapped() {
	redis-cli -p "$PORT" predis.tap info | sed -n 8p | grep -qx "$1"
}

# stop_serve: ends the server that start_serve started.
stop_serve() {
	[ -n "${PID:-}" ] || return 0
	kill "$PID" 2>/dev/null
	wait "$PID" 2>/dev/null
	PID=
}

# fits SCHEMA: every object on standard input has the properties of
# share/schema/SCHEMA.schema.json, with their types, enums and limits.
fits() {
	jq -e -n --slurpfile schema "$TOP/share/schema/$1.schema.json" '
	    $schema[0] as $s | [inputs] | length > 0 and all(.[]; . as $o |
		($s.required - keys | length) == 0 and
		(keys - ($s.properties | keys) | length) == 0 and
		all(keys[]; . as $k | $o[$k] as $v | $s.properties[$k] as $p |
		    ([$p.type] | flatten | any(. == ($v | type) or
			(. == "integer" and ($v | type) == "number" and
			    $v == ($v | floor)))) and
		    ($p.enum == null or any($p.enum[]; . == $v)) and
		    ($p.minimum == null or $v == null or $v >= $p.minimum) and
		    ($p.maximum == null or $v <= $p.maximum) and
		    ($p.pattern == null or ($v | test($p.pattern)))))'
}
