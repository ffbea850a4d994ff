# predis-retrain validate --gpu: with CUDA=1 against the driver of tests/gpu/,
# which runs the same kernel source on the host.

setup_file() {
	local top
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	[ -x "${B:-$top/build}/predis-retrain" ] || return 0
	"${B:-$top/build}/predis-retrain" train --capacity 10% --trees 8 \
	    -o "$BATS_FILE_TMPDIR/m.pdm" --force \
	    "$top/share/traces/web07.csv.gz" >"$BATS_FILE_TMPDIR/log" 2>&1
}

setup() {
	load ../lib/common
	[ -x "$BIN/predis-retrain" ] || skip "built without predis-retrain"
	M=$BATS_FILE_TMPDIR/m.pdm
	[ -s "$M" ] || { cat "$BATS_FILE_TMPDIR/log"; return 1; }
	mkdir driver
}

built_with_cuda() {
	! predis-retrain validate --gpu none 2>&1 | grep -q 'without CUDA'
}

# with_fake COMMAND...: the emulated driver and no other.
with_fake() {
	built_with_cuda || skip "built without CUDA"
	[ -e "$BIN/tests/gpu/libcuda.so.1" ] || skip "no tests/gpu/libcuda.so.1"
	LD_LIBRARY_PATH=$BIN/tests/gpu run "$@"
}

@test "validate --gpu: built without CUDA it says so, exit 2" {
	built_with_cuda && skip "built with CUDA"
	run predis-retrain validate --gpu "$M"
	[ "$status" -eq 2 ]
	[[ $output == *"--gpu: built without CUDA: make CUDA=1" ]]
}

@test "validate --gpu: the same bits" {
	with_fake predis-retrain validate --gpu "$M"
	[ "$status" -eq 0 ]
	[[ $output == good$'\t'yes*$'\n'"gpu: same bits on "*" rows (emulated on the host)" ]]
	with_fake predis-retrain validate --gpu --json "$M"
	[ "$status" -eq 0 ]
	echo "$output" | jq -e '.good and .gpu.used and .gpu.rows_that_differ == 0
	    and .gpu.rows == .golden_rows_equal + 4096'
	fits retrain-validate <<<"$output"
}

@test "validate --gpu: a driver that fails is not used, exit 0" {
	for n in $(seq 18); do
		FAKE_CUDA_FAIL=$n with_fake predis-retrain validate --gpu "$M"
		[ "$status" -eq 0 ]
		[[ $output == *"gpu: not used: cu"*"made by the test"* ]]
	done
	FAKE_CUDA_FAIL=3 with_fake predis-retrain validate --gpu --json "$M"
	echo "$output" | jq -e '.good and (.gpu.used | not) and
	    (.gpu.why | startswith("cuDeviceGetName: "))'
}

@test "validate --gpu: no driver, or one that is too old" {
	built_with_cuda || skip "built without CUDA"
	echo none >driver/libcuda.so.1
	LD_LIBRARY_PATH=driver run predis-retrain validate --gpu "$M"
	[ "$status" -eq 0 ]
	[[ $output == *"gpu: not used: "*libcuda.so.1* ]]
	cp "$(ldd "$BIN/predis-retrain" | awk '/libz\.so/ { print $3 }')" \
	    driver/libcuda.so.1
	LD_LIBRARY_PATH=driver run predis-retrain validate --gpu "$M"
	[ "$status" -eq 0 ]
	[[ $output == *"gpu: not used: libcuda.so.1 has no cuInit" ]]
}

@test "validate --gpu: other bits are an answer of no, exit 1" {
	FAKE_CUDA_WRONG=1 with_fake predis-retrain validate --gpu "$M"
	[ "$status" -eq 1 ]
	[[ $output == good$'\t'yes*$'\n'"gpu: other bits on 1 of "*" rows ("* ]]
}

@test "validate --gpu: a bad bundle is no matter for the card, exit 1" {
	head -c 1000 "$M" >torn.pdm
	with_fake predis-retrain validate --gpu torn.pdm
	[ "$status" -eq 1 ]
	[[ $output != *gpu:* ]]
}
