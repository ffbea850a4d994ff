# A million events through a Redis Cluster, and through Kafka where it is built.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	load ../lib/redis
}

teardown() {
	stop_consumer
	stop_redis
}

@test "a million events, a killed master, a killed consumer: none lost, none twice" {
	cluster_survives 1000000 1000
}

@test "slots that move while a million events go through" {
	start_cluster
	URL=redis-stream://127.0.0.1:${PORTS[1]}/ev
	"$NUMBERED" write 1000000 1000 gate 3>&- | {
		predis-sample send -v --to "$URL" 2>send.err 3>&-
		echo $? >send.rc
	} 3>&- &
	sender=$!
	REDIS_PIDS="$REDIS_PIDS $sender"
	wait_for test -e gate.half
	start_consumer a
	wait_for test -s a.pds
	id() { redis-cli -p "${PORTS[$1]}" cluster myid; }
	redis-cli --cluster reshard "127.0.0.1:${PORTS[0]}" --cluster-from all \
	    --cluster-to "$(id 2)" --cluster-slots 4000 --cluster-yes \
	    >reshard.log 2>&1 3>&- &
	reshard=$!
	touch gate
	wait "$sender"
	[ "$(cat send.rc)" -eq 0 ] || { cat send.err && false; }
	wait "$reshard"
	wait_for "$NUMBERED" check 1000000 a.pds
	stop_consumer
	"$NUMBERED" check 1000000 a.pds
}

@test "a million events through Kafka, a killed broker, a killed consumer" {
	! predis-sample receive --from kafka://127.0.0.1:1/t --timeout 1ms 2>&1 |
	    grep -q 'built without Kafka' || skip "KAFKA=0"
	B=$BIN PREDIS_NET_EVENTS=1000000 "$BIN/tests/unit/data_kafka_test"
}
