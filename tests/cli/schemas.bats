# Every --json line fits its schema in share/schema (those of predis-sample's
# events, info and verify are checked in predis-sample.bats).

setup() {
	load ../lib/common
}

@test "predis-replay --json: simulated, in bytes, and served" {
	printf 'time,key,size,op\n' >t.csv
	seq 3000 | awk '{print $1 "," $1 * $1 % 97 ",10,get"}' >>t.csv
	predis-replay -j -p lru,belady -s 7,50% t.csv | fits replay
	predis-replay -j -b -p lru -s 100 t.csv | fits replay
	predis-replay -j -p lru,belady -s 7 --window 1000 t.csv | fits replay-window
	predis-replay -j -b -p lru -s 70 --window 1000 t.csv | fits replay-window
	predis-replay -j -p lru,fifo --mrc --points 5 t.csv | fits replay-mrc
	predis-replay -j -b -p lru --mrc --points 5 t.csv | fits replay-mrc
	predis-sample import --by key --rate 0.5 -o t.pds t.csv
	predis-replay -j -p lru -s 40 t.pds | fits replay
	start_serve --maxobjects 10
	predis-replay -j --server "127.0.0.1:$PORT" t.csv | fits replay
	stop_serve
}

@test "predis-drift --json: ks, psi, adwin, cusum and test" {
	seq 1000 >a
	seq 300 1300 >b
	: >empty
	predis-drift ks --json a b | fits drift-ks
	predis-drift ks --json a a | fits drift-ks
	predis-drift psi --json a b | fits drift-psi
	(yes 0 | head -n 2000; yes 1 | head -n 2000) |
	    predis-drift adwin --raw --json | fits drift-adwin
	(cat a a a; seq 300 1299) | predis-drift cusum --all --json a |
	    fits drift-cusum
	seq 6000 | awk '{print $1 "," $1 * $1 % 997 ",10,get"}' >t.csv
	predis-sample import t.csv | predis-sample features >f.pds
	predis-drift profile -o ref.pdp f.pds
	predis-drift test --json --profile ref.pdp f.pds >out || [ $? -eq 1 ]
	fits drift-test <out
	[ "$(jq -s 'map(select(.record == "feature")) | length' out)" -eq 64 ]
}

@test "predis-sample features --table --json" {
	predis-sample features --table --json >out
	fits feature <out
	[ "$(wc -l <out)" -eq 64 ]
}

@test "predis-retrain --json: train and validate" {
	command -v predis-retrain >/dev/null || skip 'built without MLOPS_ENABLED'
	predis-retrain train --json -f -c 2000 -o m.pdm \
	    "$TOP/share/traces/web07.csv.gz" >out || [ $? -eq 1 ]
	fits retrain-train <out
	predis-retrain validate --json m.pdm | fits retrain-validate
}

@test "every schema is valid JSON and closed" {
	for f in "$TOP"/share/schema/*.schema.json; do
		jq -e '.title != null and .additionalProperties == false and
		    (.required - (.properties | keys) | length) == 0' "$f"
	done
}
