# The floor, in short (tests/long/floor.bats is the whole): on streams that are
# made to hurt, and with models that are wrong, the selector misses at most 1%
# more often than LRU after the first 20,000 requests.

setup() {
	load ../lib/common
	load ../lib/floor
	predis-replay --list-policies | grep -q "^selector" ||
	    skip "no selector"
}

@test "no model: streams that are made to hurt" {
	for s in $STREAMS; do
		stream "$s" 1000 60000
		floor 'no model' "$s.csv" -s 1000 -f 33.4%
	done
	floor_holds
}

@test "a model trained on inverted labels, a model of another trace" {
	command -v predis-retrain >/dev/null || skip 'built without training'
	stream zipf 1000 60000
	model_of zipf.csv 1000 zipf.pdm
	inverted zipf.pdm inverted.pdm
	model_of "$TOP/share/traces/orm_night_head.csv.gz" 1000 stale.pdm -t 30%
	for s in zipf floods twice drift flip; do
		stream "$s" 1000 60000
		floor inverted "$s.csv" -s 1000 -f 33.4% -m inverted.pdm
		floor stale "$s.csv" -s 1000 -f 33.4% -m stale.pdm
	done
	floor stale "$TOP/share/traces/web07.csv.gz" -s 1%,10% -f 30% \
	    -m stale.pdm
	floor_holds
}

@test "an inverted model is what it says: it misses more when nothing guards" {
	command -v predis-retrain >/dev/null || skip 'built without training'
	stream zipf 1000 60000
	model_of zipf.csv 1000 zipf.pdm
	inverted zipf.pdm inverted.pdm
	predis-replay -p learned -s 1000 -f 33.4% -m zipf.pdm -j zipf.csv >good
	predis-replay -p learned -s 1000 -f 33.4% -m inverted.pdm -j zipf.csv \
	    >bad
	jq -s -e '.[0].misses < 0.9 * .[1].misses' good bad
}

@test "what the first 20,000 requests taught turns wrong: a miss an object" {
	command -v predis-retrain >/dev/null || skip 'built without training'
	stream decoy 1000 60000
	SLACK=1000 floor untaught decoy.csv -s 1000 -f 33.4%
	SLACK=1000 floor taught decoy.csv -s 1000 -f 33.4% --train-on 33.4%
	floor_holds
}
