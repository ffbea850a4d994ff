/*
 * Streams to a network: send puts every block of its input there as it is;
 * damage stays behind.
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "data/transport.h"
#include "io/fd.h"
#include "sample.h"

const struct pd_opt sample_send_opts[] = {
    SAMPLE_TO_OPTS,
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    PD_OPT_END,
};

/* The input as it came, from the offset ${base} on, beside the reader. */
struct raw {
	struct pd_buf bytes;
	uint64_t base;
};

/* Send the blocks that are whole. 0 when more input is wanted, or -1. */
static int
send_blocks(struct pd_transport *t, struct pd_pds_reader *r, struct raw *raw,
    struct pd_err *err)
{
	struct pd_transport_block out;
	struct pd_pds_block b;
	uint64_t at;
	int rc;

	while ((rc = pd_pds_next(r, &b, err)) == PD_PDS_GOT) {
		at = b.offset - raw->base;
		out = (struct pd_transport_block){.stream_id = b.stream_id,
		    .seq = b.seq,
		    .data = raw->bytes.data + at,
		    .n = b.size,
		    .type = b.type};
		if (pd_transport_put(t, &out, err))
			return -1;
		pd_buf_consume(&raw->bytes, at + b.size);
		raw->base = b.offset + b.size;
	}
	return rc < 0 ? -1 : 0;
}

/* Nothing to read at the moment? */
static bool
is_quiet(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

/* Read and send until the end of ${fd}. 0 or -1. */
static int
pump(struct pd_transport *t, int fd, const char *path, struct pd_pds_reader *r,
    struct pd_err *err)
{
	struct raw raw = {PD_BUF_INIT, 0};
	const size_t chunk = 1 << 18;
	ssize_t n;
	int rc = 0;

	do {
		if (pd_buf_reserve(&raw.bytes, chunk)) {
			rc = pd_err_nomem(err);
			break;
		}
		/* A slow pipe: what came is not kept for company. */
		if (is_quiet(fd) && pd_transport_flush(t, err)) {
			rc = -1;
			break;
		}
		n = pd_read_some(fd, raw.bytes.data + raw.bytes.len, chunk);
		if (n < 0) {
			rc = pd_err_sys(
			    err, "cannot read '%s'", sample_name(path));
			break;
		}
		if (pd_pds_reader_feed(
			r, raw.bytes.data + raw.bytes.len, (size_t)n)) {
			rc = pd_err_nomem(err);
			break;
		}
		raw.bytes.len += (size_t)n;
		rc = send_blocks(t, r, &raw, err);
	} while (rc == 0 && n > 0);
	pd_buf_release(&raw.bytes);
	return rc;
}

/* 0, 1 when something was damaged, 2 when it is no stream, -1; having
 * reported. */
static int
send_one(struct pd_transport *t, const char *path)
{
	struct pd_pds_reader *r = pd_pds_reader_new();
	const struct pd_pds_damage *list;
	struct pd_err err = PD_ERR_INIT;
	const int fd = sample_open(path);
	struct pd_pds_stats s;
	size_t kept;
	int rc = -1;

	if (fd < 0 || r == NULL)
		goto out;
	if ((rc = pump(t, fd, path, r, &err)) < 0)
		pd_cli_fail(&err);
	pd_pds_reader_stats(r, &s);
	kept = pd_pds_damage(r, &list);
	if (rc == 0 && s.blocks == 0) {
		pd_cli_failf(
		    "'%s' holds no block of a PDS stream", sample_name(path));
		rc = 2;
	} else if (rc == 0 &&
		   sample_note_damage(sample_name(path), &s, list, kept)) {
		rc = 1;
	}
out:
	pd_pds_reader_free(r);
	if (fd >= 0)
		close(fd);
	return rc;
}

int
sample_send(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_transport_opts o;
	struct pd_transport *t;
	int rc = 0, one;
	char **path;

	if (sample_opt.to == NULL)
		return pd_cli_usage("send needs --to");
	if (sample_net_opts(&o))
		return PD_EXIT_FAIL;
	pd_cli_catch_signals();
	if ((path = sample_operands(&argc, argv, 0, UINT64_MAX)) == NULL)
		return PD_EXIT_FAIL;
	if ((t = pd_transport_sender(sample_opt.to, &o, &err)) == NULL) {
		sample_operands_free(argc, path);
		return pd_cli_fail(&err);
	}
	for (int i = 0; i < argc && rc >= 0 && !pd_cli_stopping(); i++) {
		one = send_one(t, path[i]);
		rc = one < 0 ? -1 : one > rc ? one : rc;
	}
	if (rc >= 0 && pd_transport_flush(t, &err)) {
		pd_cli_fail(&err);
		rc = -1;
	}
	(void)sample_net_report(t, sample_opt.to);
	pd_transport_close(t);
	sample_operands_free(argc, path);
	return rc < 0 || rc == 2 ? PD_EXIT_FAIL
	       : rc == 1	 ? PD_EXIT_NO
				 : PD_EXIT_YES;
}
