# A simulated day of predis-sample record, minute by minute.
bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
}

@test "record: every event of a day in one segment or counted (full disk: tmpfs)" {
	unshare -rm true 2>/dev/null &&
	    unshare -rm mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR" 2>/dev/null ||
	    skip 'no mount namespace here'
	mkdir day
	run -0 timeout 1200 unshare -rm \
	    python3 "$TOP/tests/lib/record_day.py" "$BIN" day 1440 300 tmpfs
	echo "# ${lines[-1]}" >&3
}
