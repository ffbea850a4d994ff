# predis-sample export: arrays and CSV that other programs read; and that the
# same events give the same rows, whichever way they came.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	zcat "$TOP/share/traces/web07.csv.gz" 2>/dev/null | head -n 6001 >web.csv
}

# python CODE: run it, or skip where there is no numpy.
python() {
	/usr/bin/python3 -c 'import numpy' 2>/dev/null ||
		skip 'python3-numpy is not installed'
	/usr/bin/python3 -c "import json, numpy as np
$1"
}

@test "csv is what print says, with the labels beside the rows" {
	predis-sample features -l -m served,count web.csv -o f.pds
	predis-sample export -f csv f.pds >out.csv
	head -n 1 out.csv | grep -q '^time_us,tick,key,age,.*,count,label,censored$'
	predis-sample features -m served,count web.csv |
	    predis-sample print --csv >rows.csv
	sed 's/,[^,]*,[^,]*$//' out.csv | cmp - rows.csv
	# Labels by hand: the next tick of the same key.
	tail -n +2 out.csv | awk -F, '
		{ key[NR] = $3; tick[NR] = $2; label[NR] = $(NF - 1); c[NR] = $NF }
		END {
			for (i = NR; i >= 1; i--) {
				k = key[i]
				gap = (k in t ? t[k] : tick[NR]) - tick[i]
				d = label[i] - log(1 + gap) / log(2)
				if (d > 1e-4 || d < -1e-4 ||
				    c[i] != (k in t ? 0 : 1)) exit 1
				t[k] = tick[i]
			}
		}'
	# From a pipe the same, and without labels no such columns.
	cat f.pds | predis-sample export --format csv | cmp - out.csv
	predis-sample features -m age web.csv | predis-sample export -f csv |
	    head -n 1 | grep -qx 'time_us,tick,key,age'
}

@test "npy: the header is as NEP 1 says, the length as the header says" {
	predis-sample features -m age,size web.csv -o f.pds
	predis-sample export f.pds -o f.npy
	[ "$(head -c 8 f.npy | od -An -tx1 | tr -d ' \n')" = 934e554d50590100 ]
	len=$(od -An -tu2 -j8 -N2 f.npy | tr -d ' ')
	[ $(((len + 10) % 64)) -eq 0 ]
	[ "$(head -c $((len + 10)) f.npy | tail -c 1 | od -An -tx1)" = ' 0a' ]
	[ "$(wc -c <f.npy)" -eq $((len + 10 + 6000 * 32)) ]
	head -c $((len + 10)) f.npy | grep -aq "'shape': (6000,), }"
	predis-sample export -f matrix f.pds -o m.npy
	len=$(od -An -tu2 -j8 -N2 m.npy | tr -d ' ')
	[ "$(wc -c <m.npy)" -eq $((len + 10 + 6000 * 8)) ]
	jq -e '.columns == ["age", "size"] and .rows == 6000
		and .units == ["oct", "log2 bytes"]' m.npy.json
	predis-sample export f.pds | cmp - f.npy
}

@test "numpy reads records and matrices, and finds the same in both" {
	predis-sample features -l -c 300 web.csv -o f.pds
	predis-sample export f.pds -o f.npy
	predis-sample export -f matrix f.pds -o m.npy
	predis-sample export -f csv f.pds -o f.csv
	python '
a, m = np.load("f.npy"), np.load("m.npy")
c = np.genfromtxt("f.csv", delimiter=",", names=True)
names = json.load(open("m.npy.json"))["columns"]
assert a.shape == (6000,) and m.shape == (6000, 66) and len(names) == 66
assert m.dtype == np.float32 and a["key"].dtype == np.uint64
assert a.dtype.names == ("time_us", "tick", "key") + tuple(names)
for i, n in enumerate(names):
    assert np.array_equal(m[:, i], a[n].astype("f4"), equal_nan=True), n
    assert np.array_equal(c[n].astype("f4"), a[n].astype("f4"),
                          equal_nan=True), n
assert (np.diff(a["tick"].astype("i8")) > 0).all()
assert a["last_hit"].sum() > 1000'
}

@test "numpy reads what bytes stand for, and rows from a pipe" {
	predis-sample features -0 --quantize -m gaps,time_age web.csv |
	    predis-sample export -o q.npy
	predis-sample features -m gaps,time_age web.csv |
	    predis-sample export -o f.npy
	python '
q, f = np.load("q.npy"), np.load("f.npy")
assert q.dtype == f.dtype and len(q) == len(f) == 6000
a, b = q["time_age"], f["time_age"]
assert (np.isnan(a) == np.isnan(b)).all()
assert np.nanmax(abs(a - b)) <= 1 / 16 and np.nanmax(abs(a - b)) > 0'
}

@test "labels find their rows over many blocks, and in several streams" {
	awk -F, -v OFS=, 'NR > 1 { $2 = "k" NR % 900 } 1' web.csv >other.csv
	for f in web other; do
		for i in 1 2 3 4 5; do
			awk -F, -v OFS=, -v i=$i 'NR > 1 { $1 += i * 6000 } 1
			    ' $f.csv | tail -n +$((i > 1 ? 2 : 1))
		done >long.csv
		predis-sample features -l -m count long.csv -o $f.pds
		predis-sample export -f csv $f.pds >$f.out
		[ "$(predis-sample info --json $f.pds | jq .feature_rows)" -eq \
		    30000 ]
	done
	cat web.pds other.pds | predis-sample export -f csv >both.out
	{ cat web.out; tail -n +2 other.out; } | cmp - both.out
	[ "$(cut -d , -f 5 both.out | grep -c .)" -eq 60001 ]
}

@test "what cannot be exported is refused, and leaves nothing" {
	predis-sample import web.csv -o e.pds
	predis-sample features -m age web.csv -o a.pds
	predis-sample features -m size web.csv -o b.pds
	run --separate-stderr predis-sample export e.pds -o x.npy
	[ "$status" -eq 2 ]
	[[ $stderr == *"holds no features"* ]]
	cat a.pds b.pds >ab.pds
	run --separate-stderr predis-sample export ab.pds -o x.npy
	[ "$status" -eq 2 ]
	[[ $stderr == *"different slots"* ]]
	run --separate-stderr predis-sample export -f hdf5 a.pds -o x.npy
	[ "$status" -eq 2 ]
	echo nothing >no.pds
	run --separate-stderr predis-sample export no.pds -o x.npy
	[ "$status" -eq 2 ]
	[ ! -e x.npy ]
	run -2 predis-sample export .
	[[ $output == *"'.' is a directory"* ]]
	run -2 bash -c 'predis-sample cat e.pds >/dev/full'
	[[ $output == *"cannot write 'standard output'"* ]]
	# Damage: the rows of good blocks, and exit 1.
	predis-sample features web.csv -o f.pds
	head -c $(($(stat -c %s f.pds) * 3 / 4)) f.pds >torn.pds
	run --separate-stderr predis-sample export -f csv torn.pds -o x.csv
	[ "$status" -eq 1 ]
	[[ $stderr == *torn.pds* ]]
	[ "$(wc -l <x.csv)" -eq 3585 ]
}

@test "the same rows from one stream, from 8 merged shards, and on replay" {
	# Times collide, so that the order within a microsecond matters.
	awk -F, -v OFS=, 'NR > 1 { $1 = int(NR / 3) } 1' web.csv >close.csv
	"$BIN/tests/lib/split_shards" close.csv s 8
	[ "$(ls s.[0-7].pds | wc -l)" -eq 8 ]
	predis-sample merge s.[0-7].pds -o merged.pds
	predis-sample merge s.7.pds s.[0-6].pds -o turned.pds
	for args in '-l' '-l -c 400 --label-unit ms --horizon 1h' \
	    '--quantize -m gaps,rates'; do
		predis-sample features $args s.whole.pds >one.out
		predis-sample features $args merged.pds | cmp - one.out
		predis-sample features $args turned.pds | cmp - one.out
		# Played again: in other blocks, bare, and in small pieces.
		predis-sample cat -0 merged.pds >bare.pds
		predis-sample features $args bare.pds | cmp - one.out
		dd if=merged.pds bs=137 status=none |
		    predis-sample features $args | cmp - one.out
	done
	[ "$(predis-sample print one.out | wc -l)" -eq 6000 ]
}

@test "where the rate changes, histories begin anew: the rows of each part" {
	for i in $(seq 1 600); do echo "$i,k$((i * i % 37)),5"; done >t.csv
	predis-sample import --rate 0.9 t.csv -o 1.pds
	predis-sample import --rate 0.4 t.csv -o 2.pds
	cat 1.pds 2.pds 1.pds >all.pds
	predis-sample features -c 20 -l all.pds -o all 2>log
	[[ $(<log) == *"begin anew"* ]]
	predis-sample verify all
	for f in 1 2; do
		predis-sample features -c 20 -l -q $f.pds -o $f
		predis-sample export -f csv $f | tail -n +2 >$f.csv
		[ -s $f.csv ]
	done
	predis-sample export -f csv all | tail -n +2 >all.csv
	cat 1.csv 2.csv 1.csv | cmp - all.csv
}
