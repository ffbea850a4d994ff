/*
 * Streams from a network: receive writes the blocks that lie there one after
 * another. In a group it tells the peer what it has only when that is on the
 * disk, and an output that is added to tells it what it had before: a kill at
 * any moment costs nothing and doubles nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "data/transport.h"
#include "io/fd.h"
#include "sample.h"

#define COMMIT_US 1000000
#define COMMIT_BLOCKS 256

static const char *from_address;
static const char *group;
static const char *consumer;
static bool follow;
static bool append;
static uint64_t claim_us;
static uint64_t hold_us;

const struct pd_opt sample_receive_opts[] = {
    {0, "from", "ADDRESS", PD_OPT_STR, &from_address, NULL,
	"redis-stream://HOST:PORT/NAME or kafka://HOST/TOPIC"},
    {0, "group", "NAME", PD_OPT_STR, &group, NULL,
	"read as a member of this consumer group"},
    {0, "consumer", "NAME", PD_OPT_STR, &consumer, NULL,
	"name in the group (default: HOST-PID)"},
    {0, "claim", "TIME", PD_OPT_DURATION, &claim_us, NULL,
	"take over what a member left unacknowledged this long (60s)"},
    {0, "hold", "TIME", PD_OPT_DURATION, &hold_us, NULL,
	"wait this long for a block that others overtook (5s)"},
    {0, "follow", NULL, PD_OPT_FLAG, &follow, NULL, "wait for more at the end"},
    {0, "append", NULL, PD_OPT_FLAG, &append, NULL,
	"add to FILE when it exists, torn or not"},
    {'o', "output", "FILE", PD_OPT_STR, &sample_opt.output, NULL,
	"write to FILE, not to standard output"},
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    PD_OPT_END,
};

struct receipt {
	struct pd_transport *t;
	struct pd_atomicfile file;
	int fd; /* -1: standard output */
	bool atomic;
	uint64_t pending; /* blocks not yet acknowledged */
	uint64_t acked_us;
};

/* The block ${b} of ${fd} is not to come again. 0 or -1. */
static int
remember(struct receipt *r, int fd, const struct pd_pds_block *b,
    struct pd_buf *raw, struct pd_err *err)
{
	struct pd_transport_block seen = {
	    .stream_id = b->stream_id, .seq = b->seq, .n = b->size};

	pd_buf_clear(raw);
	if (pd_buf_reserve(raw, b->size))
		return pd_err_nomem(err);
	if (pread(fd, raw->data, b->size, (off_t)b->offset) != (ssize_t)b->size)
		return pd_err_sys(err, "cannot read '%s'", sample_opt.output);
	seen.data = raw->data;
	return pd_transport_seen(r->t, &seen) ? pd_err_nomem(err) : 0;
}

/* What the file holds already is not to come again. 0, or -1 reported. */
static int
take_stock(struct receipt *r, const char *path)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_reader *in;
	struct pd_pds_block b;
	struct pd_buf raw = PD_BUF_INIT;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0
				       : (pd_cli_failf("cannot open '%s': %s",
					      path, strerror(errno)),
					     -1);
	if ((in = pd_pds_reader_fd(fd)) == NULL) {
		close(fd);
		return pd_cli_failf("out of memory"), -1;
	}
	while ((rc = pd_pds_next(in, &b, &err)) == PD_PDS_GOT)
		if ((rc = remember(r, fd, &b, &raw, &err)) < 0)
			break;
	if (rc < 0)
		pd_cli_fail(&err);
	pd_pds_reader_free(in);
	pd_buf_release(&raw);
	close(fd);
	return rc < 0 ? -1 : 0;
}

static int
open_output(struct receipt *r)
{
	const char *path = sample_opt.output;
	struct pd_err err = PD_ERR_INIT;

	if (path == NULL || strcmp(path, "-") == 0) {
		if (append)
			return pd_cli_usage("--append needs -o FILE"), -1;
		if (!isatty(STDOUT_FILENO))
			return 0;
		return pd_cli_usage("a stream is not for a terminal: use -o "
				    "FILE, or pipe it"),
		       -1;
	}
	if (append && take_stock(r, path))
		return -1;
	r->atomic = !append && !follow && group == NULL;
	if (r->atomic) {
		if (pd_atomicfile_open(&r->file, path, 0666, &err))
			return pd_cli_fail(&err), -1;
		r->fd = r->file.fd;
		return 0;
	}
	r->fd = open(path,
	    O_WRONLY | O_CLOEXEC | O_CREAT | (append ? O_APPEND : O_EXCL),
	    0666);
	if (r->fd >= 0)
		return 0;
	if (errno == EEXIST)
		return pd_cli_failf(
			   "'%s' exists: remove it, or use --append", path),
		       -1;
	return pd_cli_failf("cannot create '%s': %s", path, strerror(errno)),
	       -1;
}

static int
write_block(struct receipt *r, const struct pd_transport_block *b)
{
	if (r->fd < 0)
		return pd_cli_out(b->data, b->n);
	if (pd_write_full(r->fd, b->data, b->n) == 0)
		return 0;
	return pd_cli_failf(
		   "cannot write '%s': %s", sample_opt.output, strerror(errno)),
	       -1;
}

/* What was written is safe: say so to the peer. 0, or -1 reported. */
static int
commit(struct receipt *r)
{
	struct pd_err err = PD_ERR_INIT;

	r->acked_us = pd_clock_mono_us();
	if (r->pending == 0 || group == NULL)
		return 0;
	if (r->fd >= 0 && fsync(r->fd) && errno != EINVAL && errno != EROFS)
		return pd_cli_failf("cannot write '%s': %s", sample_opt.output,
			   strerror(errno)),
		       -1;
	r->pending = 0;
	if (pd_transport_ack(r->t, &err) == 0)
		return 0;
	pd_cli_fail(&err);
	return -1;
}

static int
receive(struct receipt *r)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_transport_block b;
	uint64_t blocks = 0;
	int got = 2;

	r->acked_us = pd_clock_mono_us();
	while (got != 0 && !pd_cli_stopping()) {
		got = pd_transport_get(r->t, &b, 200, &err);
		if (got < 0) {
			pd_cli_fail(&err);
			return -1;
		}
		if (got == 1) {
			if (write_block(r, &b))
				return -1;
			r->pending++;
			pd_cli_progress("blocks", ++blocks, 0);
		}
		if ((r->pending >= COMMIT_BLOCKS ||
			pd_clock_mono_us() - r->acked_us >= COMMIT_US) &&
		    commit(r))
			return -1;
	}
	pd_cli_progress_end();
	if (got != 0 && r->atomic)
		return pd_cli_failf("interrupted"), -1;
	return commit(r);
}

static int
close_output(struct receipt *r, int rc)
{
	struct pd_err err = PD_ERR_INIT;

	if (r->atomic && rc == 0 && pd_atomicfile_commit(&r->file, &err)) {
		pd_cli_fail(&err);
		rc = -1;
	}
	if (r->atomic)
		pd_atomicfile_abort(&r->file);
	else if (r->fd >= 0)
		close(r->fd);
	return rc;
}

int
sample_receive(int argc, char **argv)
{
	struct receipt r = {.file = PD_ATOMICFILE_INIT, .fd = -1};
	struct pd_err err = PD_ERR_INIT;
	struct pd_transport_opts o;
	bool lost;
	int rc;

	(void)argc;
	(void)argv;
	if (from_address == NULL)
		return pd_cli_usage("receive needs --from");
	if (sample_net_opts(&o))
		return PD_EXIT_FAIL;
	o.group = group;
	o.consumer = consumer;
	o.claim_us = claim_us;
	o.hold_us = hold_us;
	o.follow = follow;
	pd_cli_catch_signals();
	if ((r.t = pd_transport_receiver(from_address, &o, &err)) == NULL)
		return pd_cli_fail(&err);
	rc = open_output(&r);
	if (rc == 0)
		rc = close_output(&r, receive(&r));
	lost = sample_net_report(r.t, from_address);
	pd_transport_close(r.t);
	return rc < 0 ? PD_EXIT_FAIL : lost ? PD_EXIT_NO : PD_EXIT_YES;
}
