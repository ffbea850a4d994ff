# predis-drift: exit codes, records, pipelines, errors. The numbers themselves
# are checked in tests/unit/stat_*_test.c.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	GOLD=$TOP/tests/golden/drift
	seq 1 1000 >a
	seq 21 1020 >near
	seq 501 1500 >far
}

# features SEED ROWS: a stream of features of made-up requests.
features() {
	{
		echo time,key,size,op
		awk -v s="$1" -v n="$2" -v k="${3:-300}" 'BEGIN {
			srand(s)
			for (i = 0; i < n; i++)
				print i "," int(k * rand() * rand()) "," \
				    int(100 + 900 * rand()) ",get" }'
	} | predis-sample import - | predis-sample features -c 100 -o "$4" -
}

@test "ks: 0 no drift, 1 drift, 3 too few values" {
	run -0 predis-drift ks a near
	[[ $output == *$'drift\tno'* ]]
	run -1 predis-drift ks a far
	[[ $output == *$'d\t0.5\n'* ]]
	[[ $output == *$'location\t500\n'* ]]
	[[ $output == *$'sign\t1\n'* ]]
	printf '1\n2\n3\n' >few
	run -3 --separate-stderr predis-drift ks few few
	[[ $output == *$'drift\tunknown'* ]]
	[[ $stderr == *"too few values (3 and 3)"* ]]
	: >empty
	run -3 predis-drift -q ks empty a 2>/dev/null || true
	run -3 predis-drift ks --json empty a
}

@test "ks: significance alone is not drift" {
	run -0 predis-drift ks --alpha 0.9 a near
	run -1 predis-drift ks --alpha 0.9999 --min-d 0 a near
	run -1 predis-drift ks --alpha 1e-100 a far
	run -0 predis-drift ks --min-d 0.51 a far
}

@test "ks --json is one object with the same figures" {
	run -1 --separate-stderr predis-drift ks --json a far
	echo "$output" | jq -e '.d == 0.5 and .p < 1e-100 and .location == 500
	    and .sign == 1 and .values_a == 1000 and .missing_b == 0
	    and .drift == true'
}

@test "ks: the p-values of the reference, by method" {
	jq -r '.cases[] | select(.name == "ties_scipy6435") | .x[]' \
	    "$GOLD/ks_2samp.json" >x
	jq -r '.cases[] | select(.name == "ties_scipy6435") | .y[]' \
	    "$GOLD/ks_2samp.json" >y
	for m in exact asymp; do
		want=$(jq ".cases[] | select(.name == \"ties_scipy6435\").$m.p" \
		    "$GOLD/ks_2samp.json")
		run -0 --separate-stderr predis-drift ks --json --method $m \
		    --min-d 0 x y
		echo "$output" | jq -e --argjson w "$want" \
		    '(.p / $w - 1 | fabs) < 1e-9'
	done
}

@test "missing values are counted, infinities are values" {
	{ cat a; echo nan; echo NaN; echo inf; echo -- -inf | tr -d ' ' |
	    sed 's/^--//'; } >b
	run -0 --separate-stderr predis-drift ks --json b a
	echo "$output" | jq -e '.values_a == 1002 and .missing_a == 2'
}

@test "standard input and gzip are read" {
	run -1 predis-drift ks - far <a
	gzip -k far
	run -1 predis-drift ks a far.gz
	run -2 predis-drift ks - - <a
	[[ $output == *"one sample only"* ]]
}

@test "what is not a number: file and line, exit 2, nothing printed" {
	{ cat a; echo 12x; } >bad
	run -2 --separate-stderr predis-drift ks a bad
	[ -z "$output" ]
	[ "$stderr" = "predis-drift: bad:1001: '12x' is not a number" ]
	printf '1\n1e999\n' >huge
	run -2 predis-drift psi huge a
	[[ $output == *"huge:2: '1e999' is too large"* ]]
	printf '1 2\n' >two
	run -2 predis-drift ks two a
	[[ $output == *"two:1: '1 2' is not a number"* ]]
	printf '1\0002\n' >nul
	run -2 predis-drift ks nul a
	printf '1\noops\n' >s
	run -2 sh -c "predis-drift adwin --raw <s"
	[[ $output == *"standard input:2: 'oops' is not a number"* ]]
	run -2 predis-drift ks a nowhere
	[[ $output == *"cannot open 'nowhere'"* ]]
}

@test "psi: 0, 1, 3, and each rule of the reference" {
	run -0 predis-drift psi a near
	run -1 predis-drift psi a far
	head -n 49 a >few
	run -3 predis-drift psi few far
	[[ $output == *"too few values (49 and 1000) for 10 bins"* ]]
	for r in half floor:1e-4 adaptive drop tiny; do
		run --separate-stderr predis-drift psi --json --smoothing $r \
		    a far
		echo "$output" | jq -e --arg r $r '.smoothing == $r and
		    .bins == 10 and (.counts_a | add) == 1000 and
		    (.cuts | length) == 9 and .psi >= 0'
	done
	run -2 predis-drift psi --smoothing floor:2 a far
	run -2 predis-drift psi --smoothing none a far
	run -2 predis-drift psi --bins 1 a far
}

@test "psi --atoms sees what a shared bin hides" {
	yes 5 | head -n 1000 >five
	yes 4 | head -n 1000 >four
	run -0 --separate-stderr predis-drift psi five four
	[[ $stderr == *"--atoms"* ]]
	run -1 predis-drift psi --atoms five four
	run -0 predis-drift psi --atoms five five
}

@test "adwin: the detections of river and MOA" {
	for s in s1_int_0_1_then_0_7 s3_four_segments s8_lognormal_heavy \
	    s10_step_0_100 s12_hit_ratio_drop; do
		for v in river-rust:yes:5 river-rust-noreset:no:5 \
		    moa-noreset:no:7; do
			IFS=: read -r impl reset part <<<"$v"
			for delta in 0.002 0.05; do
				jq -c "select(.stream == \"$s\" and
				    .impl == \"$impl\" and .out.delta == $delta
				    and .out.clock == 32) |
				    .out.detections[]" \
				    "$GOLD/adwin/adwin_expected.jsonl" >want
				predis-drift adwin --raw --json --delta $delta \
				    --reset $reset --min-part $part \
				    <"$GOLD/adwin/$s.txt" >got || [ $? -eq 1 ]
				jq -c . got >got1
				diff want got1
			done
		done
	done
}

@test "adwin: index, width and mean in columns; exit 1, 0, 3" {
	run -1 predis-drift adwin --raw <"$GOLD/adwin/s1_int_0_1_then_0_7.txt"
	[ "$output" = $'1023\t56\t1.5714285714285714' ]
	run -0 predis-drift adwin --raw <"$GOLD/adwin/s9_constant.txt"
	[ -z "$output" ]
	head -n 20 a >few
	run -3 sh -c "predis-drift adwin --raw <few"
	run -2 sh -c "echo inf | predis-drift adwin --raw"
	run -2 sh -c "predis-drift adwin <a"
	[[ $output == *"give --profile and --feature, or --raw"* ]]
	run -2 sh -c "predis-drift adwin --raw --reset maybe <a"
	run -2 sh -c "predis-drift adwin --raw --delta 1 <a"
	run -2 sh -c "predis-drift adwin --raw --clock 0 <a"
}

# normal SEED N SHIFT: normal variates.
normal() {
	awk -v seed="$1" -v n="$2" -v shift="$3" 'BEGIN { srand(seed)
	    while (n-- > 0) {
		r = sqrt(-2 * log(1 - rand()))
		printf "%.17g\n", shift + r * cos(6.283185307179586 * rand())
	    } }'
}

@test "cusum: a small shift is found and dated, no change is not" {
	normal 1 20000 0 >ref
	normal 2 100000 0 >same
	normal 3 50000 0.15 >shifted
	run -0 --separate-stderr predis-drift cusum ref <same
	[ -z "$output$stderr" ]
	run -1 sh -c 'cat same shifted | predis-drift cusum ref'
	IFS=$'\t' read -r window evidence since word <<<"${lines[0]}"
	[ "$word" = alarm ]
	[ "$window" -ge 200 ] && [ "$window" -lt 240 ]
	[ "$since" -ge 190 ] && [ "$since" -le "$window" ]
	awk -v e="$evidence" 'BEGIN { exit !(e >= 4) }'
	# The promise is kept by a higher bar, so the alarm is later or equal.
	run -1 sh -c 'cat same shifted |
	    predis-drift cusum --month-fpr 0.001 --json ref'
	[ "$(jq .window <<<"${lines[0]}")" -ge "$window" ]
	run -0 sh -c 'predis-drift cusum --all ref <same | wc -l'
	[ "$output" -eq 200 ]
}

@test "cusum: values that repeat, too few, what is not a number" {
	awk 'BEGIN { srand(3); for (i = 0; i < 1000; i++)
	    print int(rand() * 100) }' >tens
	awk 'BEGIN { srand(4); for (i = 0; i < 5000; i++)
	    print int(rand() * 100) }' >more.txt
	run -0 --separate-stderr predis-drift cusum tens <more.txt
	[[ $stderr == *"'tens' repeat"* ]]
	yes 3 | head -n 500 >three
	run -0 predis-drift cusum three <three
	run -1 predis-drift cusum three <tens
	yes inf | head -n 500 >inf
	run -3 predis-drift cusum inf <tens
	[[ $output == *"are all alike"* ]]
	seq 20 >few
	run -3 predis-drift cusum few <tens
	[[ $output == *"too few values (20) in 'few'"* ]]
	seq 1000 >ref
	run -3 sh -c 'predis-drift cusum ref <few'
	[[ $output == *"too few values (20) for one window"* ]]
	run -2 sh -c 'echo 1x | predis-drift cusum ref'
	[[ $output == *"standard input:1: '1x' is not a number"* ]]
	run -2 predis-drift cusum --arl 1 ref
	run -2 predis-drift cusum --month-fpr 1 ref
	run -2 predis-drift cusum --bins 65 ref
	run -2 predis-drift cusum --window 0 ref
}

@test "profile and test: the same features, other features" {
	features 1 4000 300 one.pds
	features 2 4000 300 two.pds
	features 3 4000 3000 other.pds
	predis-drift profile -o ref.pdp one.pds
	[ "$(stat -c %s ref.pdp)" -le 262144 ]
	run -0 --separate-stderr predis-drift test --profile ref.pdp two.pds
	[[ $output == feature$'\t'verdict* ]]
	[ "$(echo "$output" | wc -l)" -eq 65 ]
	run -1 --separate-stderr predis-drift test --json --profile ref.pdp \
	    other.pds
	echo "$output" | jq -se 'length == 65 and .[64].record == "summary"
	    and .[64].drift and .[64].rows_ref == 4000
	    and (map(select(.record == "feature" and .drift)) | length)
	    == .[64].features_drifted'
}

# zipf SEED ROWS SKEW FILE: features of independent draws from one law.
zipf() {
	{
		echo time,key,size,op
		awk -v s="$1" -v n="$2" -v a="$3" 'BEGIN {
			srand(s)
			for (i = 1; i <= 3000; i++)
				c[i] = t += 1 / i ^ a
			for (j = 0; j < n; j++) {
				u = rand() * t
				lo = 1
				hi = 3000
				while (lo < hi) {
					m = int((lo + hi) / 2)
					if (c[m] < u) lo = m + 1; else hi = m
				}
				print j "," lo ",1,get"
			}
		}'
	} | predis-sample import - | predis-sample features -c 500 -o "$4" -
}

@test "test: a workload is told from a length: 0, 3 and 1" {
	zipf 1 12000 0.9 ref.pds
	predis-drift profile -o ref.pdp ref.pds
	zipf 2 12000 0.9 same.pds
	run -0 predis-drift test --profile ref.pdp same.pds
	zipf 3 11000 0.9 near.pds
	run -0 predis-drift test --profile ref.pdp near.pds
	zipf 4 4000 0.9 third.pds
	run -3 --separate-stderr predis-drift test --profile ref.pdp third.pds
	[ -z "$output" ]
	[[ $stderr == *"describes 12000 requests, 'third.pds' holds 4000"* ]]
	[[ $stderr == *"predis-sample cat --from-us/--to-us"* ]]
	run -1 predis-drift test --any-length --profile ref.pdp third.pds
	predis-drift profile -o third.pdp third.pds
	run -3 predis-drift test --profile third.pdp same.pds
	zipf 5 12000 0.5 other.pds
	run -1 predis-drift test --profile ref.pdp other.pds
}

@test "a profile is the same from a file, a pipe and again" {
	features 1 2000 300 one.pds
	predis-drift profile -o ref.pdp one.pds
	cat one.pds | predis-drift profile - >pipe.pdp
	predis-drift profile - <one.pds >file.pdp
	cmp ref.pdp pipe.pdp
	cmp ref.pdp file.pdp
	[ -z "$(find . -name '*tmp*')" ]
}

# with_byte OFFSET OCTAL: ref.pdp with one byte changed and the CRC mended (it
# is the one that gzip writes).
with_byte() {
	head -c -4 ref.pdp >body
	printf "\\$2" | dd of=body bs=1 seek="$1" conv=notrunc 2>/dev/null
	cat body
	gzip -c body | tail -c 8 | head -c 4
}

@test "test: 3 for too few rows, other sampling, another kind of rows" {
	features 1 2000 300 one.pds
	predis-drift profile -o ref.pdp one.pds
	features 1 100 300 few.pds
	run -3 predis-drift test --any-length --profile ref.pdp few.pds
	[[ $output == *"no feature has 500 values on both sides"* ]]
	run -0 predis-drift test --min-rows 50 --profile ref.pdp one.pds
	with_byte 48 2 >byevent.pdp
	run -3 predis-drift test --profile byevent.pdp one.pds
	[[ $output == *"sampled by event"*"by none"* ]]
	with_byte 49 1 >resident.pdp
	run -3 predis-drift test --profile resident.pdp one.pds
	[[ $output == *"residents drawn for training"* ]]
	with_byte 8 377 >schema.pdp
	run -2 predis-drift test --profile schema.pdp one.pds
	[[ $output == *"another feature table"* ]]
	with_byte 48 1 >bykey.pdp
	run -0 predis-drift test --profile bykey.pdp one.pds
}

@test "floors and levels that make no sense are refused" {
	features 1 600 300 one.pds
	predis-drift profile -o ref.pdp one.pds
	for v in 1.5 -0.1 nan; do
		run -2 predis-drift ks --min-d "$v" a far
		[[ $output == *"--min-d"* ]]
		run -2 predis-drift test --min-d "$v" --profile ref.pdp one.pds
		[[ $output == *"--min-d"* ]]
	done
	run -1 predis-drift ks --min-d 0 --alpha 0.9999 a near
	for v in 0 1 -0.5 2 nan; do
		run -2 predis-drift ks --alpha "$v" a far
		run -2 predis-drift psi --alpha "$v" a far
		run -2 predis-drift test --alpha "$v" --profile ref.pdp one.pds
		[[ $output == *"--alpha"* ]]
	done
}

@test "a cache of unknown size is not of another size" {
	features 1 600 300 one.pds
	predis-drift profile -o ref.pdp one.pds
	with_byte 58 20 >sized.pdp # 1 MiB
	run -0 predis-drift test --profile sized.pdp one.pds
	[[ $output != *"not of one size"* ]]
}

@test "a full disk is told once" {
	features 1 600 300 one.pds
	run -2 sh -c "predis-drift profile one.pds >/dev/full"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"cannot write to standard output"* ]]
	run -2 sh -c "predis-drift ks a far >/dev/full"
	[ "${#lines[@]}" -eq 1 ]
}

@test "test: failures are 2 and say why" {
	features 1 2000 300 one.pds
	predis-drift profile -o ref.pdp one.pds
	run -2 predis-drift test one.pds
	run -2 predis-drift test --profile ref.pdp nowhere
	run -2 predis-drift test --profile a one.pds
	[[ $output == *"cannot use 'a': not a Predis profile"* ]]
	head -c 3000 ref.pdp >torn.pdp
	run -2 predis-drift test --profile torn.pdp one.pds
	[[ $output == *"damaged"* ]]
	run -2 predis-drift test --profile ref.pdp a
	[[ $output == *"'a' is no PDS stream"* ]]
	{ echo time,key,size,op; echo 0,1,1,get; } | predis-sample import - >e
	run -2 predis-drift test --profile ref.pdp e
	[[ $output == *"predis-sample features"* ]]
}

@test "test: a damaged block is passed over and reported" {
	features 1 2000 300 one.pds
	features 1 2000 300 two.pds
	predis-drift profile -o ref.pdp one.pds
	cat one.pds two.pds one.pds >three.pds
	size=$(stat -c %s one.pds)
	printf 'XXXX' | dd of=three.pds bs=1 seek=$((size + size / 2)) \
	    conv=notrunc 2>/dev/null
	run -0 --separate-stderr predis-drift test --json --any-length \
	    --profile ref.pdp three.pds
	[[ $stderr == *"'three.pds' is damaged in 1 places"* ]]
	echo "$output" | jq -se '.[64].rows_cur == 4000'
}

@test "adwin through a profile: quiet on the reference, alarms on a shift" {
	features 1 4000 300 one.pds
	predis-drift profile -o ref.pdp one.pds
	predis-sample print --json one.pds | jq -r '.size // "nan"' >sizes
	run -0 sh -c "predis-drift adwin --profile ref.pdp --feature size <sizes"
	{ cat sizes; awk '{ print $1 + 1.5 }' sizes; } >shifted
	run -1 --separate-stderr sh -c \
	    "predis-drift adwin --profile ref.pdp --feature size <shifted"
	[ "$(echo "$output" | head -n 1 | cut -f1)" -ge 4000 ]
	[ "$(echo "$output" | head -n 1 | cut -f1)" -lt 4400 ]
	run -2 sh -c "predis-drift adwin --profile ref.pdp --feature no <sizes"
	run -2 sh -c "predis-drift adwin --profile ref.pdp --feature ttl_left <sizes"
}

@test "kill -9 of profile leaves the old profile, which the next run reads" {
	zipf 1 3000 0.8 one.pds
	predis-drift profile -o ref.pdp one.pds
	cp ref.pdp before.pdp
	mkfifo pipe
	predis-drift profile -o ref.pdp pipe 3>&- &
	pid=$!
	exec 9>pipe
	head -c 20000 one.pds >&9
	kill -9 "$pid"
	wait "$pid" || [ $? -eq 137 ]
	exec 9>&-
	cmp ref.pdp before.pdp
	run -0 predis-drift test --profile ref.pdp one.pds
}
