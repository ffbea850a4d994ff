/*
 * Peers over a network: the options that senders, receivers and live sources
 * share, and what is said of a transport at its end.
 */
#include <string.h>

#include "base/num.h"
#include "data/transport.h"
#include "sample.h"

struct sample_peer sample_peer = {
    .replicas = "auto", .timeout_us = 30000000, .buffer = UINT64_C(64) << 20};

int
sample_net_opts(struct pd_transport_opts *o)
{
	const struct sample_peer *p = &sample_peer;
	uint64_t n;

	memset(o, 0, sizeof(*o));
	o->retry_us = p->timeout_us;
	o->buffer_max = p->buffer;
	o->password_file = p->password_file;
	o->user = p->user;
	o->tls_ca = p->tls_ca;
	o->tls_cert = p->tls_cert;
	o->tls_key = p->tls_key;
	o->kafka_config = p->kafka_config;
	o->stopping = pd_cli_stopping;
	o->maxlen = p->maxlen;
	o->replicas = -1;
	if (p->partitions > 4096)
		return pd_cli_usage("--partitions is at most 4096"), -1;
	o->partitions = (uint32_t)p->partitions;
	if (strcmp(p->replicas, "auto") != 0) {
		if (pd_parse_u64(p->replicas, &n, NULL) || n > 1000)
			return pd_cli_usage("--replicas is auto or a number"),
			       -1;
		o->replicas = (int)n;
	}
	return 0;
}

/* One line for a count that is not 0. */
static void
tell(const char *address, uint64_t n, const char *what)
{
	if (n > 0)
		pd_cli_note(
		    "'%s': %llu %s", address, (unsigned long long)n, what);
}

bool
sample_net_report(const struct pd_transport *t, const char *address)
{
	struct pd_transport_stats s;

	pd_transport_stats(t, &s);
	tell(address, s.dropped, "blocks dropped: the peer was too slow");
	tell(address, s.unreplicated, "blocks that no replica acknowledged");
	tell(address, s.missing, "blocks are missing");
	tell(address, s.namesakes,
	    "blocks have the name of another one, and were kept");
	tell(address, s.bad, "entries hold no block");
	tell(address, s.old, "blocks too old to tell whether they came twice");
	if (pd_cli_verbose) {
		tell(address, s.blocks, "blocks");
		tell(address, s.bytes, "bytes");
		tell(address, s.resent, "blocks sent again");
		tell(address, s.duplicates, "blocks that came twice, dropped");
		tell(address, s.late, "blocks out of order");
		tell(address, s.reconnects, "reconnections");
	}
	return s.dropped > 0 || s.missing > 0 || s.bad > 0;
}
