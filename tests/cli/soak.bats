# The short form of make soak: good and bad connections that come and go.

setup() { load ../lib/common; }

soak() {
	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 2200 ] ||
	    skip "few open files"
	SOAK_SECONDS=8 SOAK_CLIENTS=200 SOAK_OPTIONS=$1 \
	    timeout 400 sh "$TOP/tests/soak/soak.sh" >soak.log 2>&1 3>&- || {
		cat soak.log
		return 1
	}
	sed 's/^/# /' soak.log >&3
}

@test "200 connections, a third misbehaving: no wrong reply, nothing is left" {
	soak ""
}

@test "the same with two loops" {
	soak "--threads 2"
}
