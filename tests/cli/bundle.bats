# predis-bundle(5): what a trained bundle looks like to other programs.

setup_file() {
	local top
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	[ -x "${B:-$top/build}/predis-retrain" ] || return 0
	"${B:-$top/build}/predis-retrain" train --capacity 10% \
	    -o "$BATS_FILE_TMPDIR/m.pdm" --force \
	    "$top/share/traces/web07.csv.gz" >"$BATS_FILE_TMPDIR/log" 2>&1
}

setup() {
	load ../lib/common
	[ -x "$BIN/predis-retrain" ] || skip "built without predis-retrain"
	M=$BATS_FILE_TMPDIR/m.pdm
	[ -s "$M" ] || { cat "$BATS_FILE_TMPDIR/log"; return 1; }
}

# repack FOLDER OUT: a tar.gz as GNU tar makes one.
repack() {
	(cd "$1" && tar --sort=name --owner=0 --group=0 --mtime=@0 -cz -- *) \
	    >"$2"
}

@test "gzip, tar, jq and sha256sum read a bundle" {
	gzip -t "$M"
	run tar -tzf "$M"
	[ "$status" -eq 0 ]
	[[ $output == *manifest.json* && $output == *golden.bin* ]]
	[ "$output" = "$(echo "$output" | sort)" ]
	tar -xzOf "$M" manifest.json | jq -e '.format == "predis-bundle"'
	tar -xzOf "$M" model.json | jq -e '.learner.gradient_booster.name == "gbtree"'
	tar -xzOf "$M" metrics.json | jq -e 'type == "object"'
	[ "$(predis-retrain validate --json "$M" | jq -r .digest)" = \
	    "$(sha256sum "$M" | cut -d' ' -f1)" ]
}

@test "the tar carries no times, no owner, mode 0644" {
	run tar --numeric-owner --utc --full-time -tvzf "$M"
	[ "$status" -eq 0 ]
	while read -r mode owner _ date time _; do
		[ "$mode" = -rw-r--r-- ]
		[ "$owner" = 0/0 ]
		[ "$date $time" = "1970-01-01 00:00:00" ]
	done <<<"$output"
}

@test "members are as the manifest lists them" {
	mkdir x
	tar -C x -xzf "$M"
	jq -r '.members | to_entries[] | "\(.value.sha256)  \(.key)"' \
	    x/manifest.json >sums
	(cd x && sha256sum -c --strict ../sums)
	jq -r '.members | to_entries[] | "\(.key) \(.value.bytes)"' \
	    x/manifest.json | while read -r f n; do
		[ "$(stat -c %s "x/$f")" -eq "$n" ]
	done
	rows=$(jq .golden_rows x/manifest.json)
	cols=$(jq '.columns | length' x/manifest.json)
	[ "$(stat -c %s x/golden.bin)" -eq $((16 + 4 * rows * (cols + 1))) ]
	[ "$(head -c 4 x/golden.bin)" = PDG1 ]
}

@test "validate: a good bundle, from a file and from a pipe" {
	run predis-retrain validate "$M"
	[ "$status" -eq 0 ]
	[[ $output == good$'\t'yes* ]]
	predis-retrain validate --json - <"$M" | jq -e '.good and
	    (.columns | length) > 0 and .golden_rows_equal > 0 and
	    .trees > 0 and .signature_checked == false'
}

@test "validate: what another tar packed is good too, under another digest" {
	mkdir x
	tar -C x -xzf "$M"
	repack x again.pdm
	predis-retrain validate --json again.pdm | jq -e .good
}

@test "validate: a changed member is named, exit 1" {
	mkdir x
	tar -C x -xzf "$M"
	# The low bytes of the last score.
	printf '\252\125' | dd of=x/golden.bin bs=1 conv=notrunc \
	    seek=$(($(stat -c %s x/golden.bin) - 4)) 2>/dev/null
	repack x bad.pdm
	run predis-retrain validate bad.pdm
	[ "$status" -eq 1 ]
	[[ $output == *"golden.bin does not have the SHA-256"* ]]
	sum=$(sha256sum x/golden.bin | cut -d' ' -f1)
	jq --arg s "$sum" '.members["golden.bin"].sha256 = $s' x/manifest.json \
	    >y && mv y x/manifest.json
	repack x bad.pdm
	run predis-retrain validate --json bad.pdm
	[ "$status" -eq 1 ]
	[[ $(echo "$output" | jq -r .why) == *"golden.bin: golden row"* ]]
}

@test "validate: another feature schema, exit 1 and what to do" {
	mkdir x
	tar -C x -xzf "$M"
	jq '.schema_id = "0000000000000001"' x/manifest.json >y
	mv y x/manifest.json
	repack x old.pdm
	run predis-retrain validate old.pdm
	[ "$status" -eq 1 ]
	[[ $output == *"feature schema 0000000000000001"*"train again"* ]]
}

@test "validate: a torn bundle is exit 1, an unreadable one exit 2" {
	head -c 1000 "$M" >torn.pdm
	run predis-retrain validate torn.pdm
	[ "$status" -eq 1 ]
	run predis-retrain validate none.pdm
	[ "$status" -eq 2 ]
	[[ $output == *none.pdm* ]]
	run predis-retrain validate .
	[ "$status" -eq 2 ]
}

@test "validate --trusted-key: minisign signs, one bit off is refused" {
	command -v minisign >/dev/null || skip "minisign is not installed"
	cp "$M" s.pdm
	minisign -G -W -p k.pub -s k.sec >/dev/null
	run predis-retrain validate --trusted-key k.pub s.pdm
	[ "$status" -eq 1 ]
	[[ $output == *s.pdm.minisig* ]]
	minisign -S -W -s k.sec -m s.pdm >/dev/null
	predis-retrain validate --json --trusted-key k.pub s.pdm |
	    jq -e '.good and .signature_checked'
	printf 'x' >>s.pdm
	run predis-retrain validate --trusted-key k.pub s.pdm
	[ "$status" -eq 1 ]
	[[ $output == *"does not fit the content"* ]]
	run predis-retrain validate --trusted-key none.pub s.pdm
	[ "$status" -eq 2 ]
}

@test "the same events and seed give the same bundle, byte for byte" {
	predis-retrain train --capacity 10% --force -o m.pdm \
	    "$TOP/share/traces/web07.csv.gz" >/dev/null 2>&1
	cmp m.pdm "$M"
}
