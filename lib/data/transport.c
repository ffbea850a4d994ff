#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "data/pds.h"
#include "data/transport_priv.h"
#include "io/lines.h"

#define RETRY_US 30000000
#define BUFFER_MAX ((size_t)64 << 20)
#define CLAIM_US 60000000
#define HOLD_US 5000000
#define PARTITIONS_MAX 4096
/* A source that can wait sends this much at once. */
#define BATCH_BYTES ((size_t)1 << 20)
#define BATCH_BLOCKS 64
#define BACKOFF_MS 50
#define BACKOFF_MAX_MS 2000
/* A longer header does not travel with the blocks. */
#define HEADER_MAX 65536

struct pd_outstream {
	uint64_t id;
	struct pd_buf header;
};

static const struct pd_carrier *const carriers[] = {
    &pd_redis_stream,
    &pd_redis_stream_tls,
#if PD_KAFKA
    &pd_kafka,
#endif
    NULL,
};

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

bool
pd_transport_is_url(const char *address)
{
	return begins(address, "redis-stream://") ||
	       begins(address, "rediss-stream://") ||
	       begins(address, "kafka://");
}

/* The part of a URL between scheme and slash, and what follows. */
static int
split_url(struct pd_transport *t, const char *rest, struct pd_err *err)
{
	const char *slash = strchr(rest, '/');

	if (slash == NULL || slash == rest || slash[1] == '\0' ||
	    strpbrk(slash + 1, "/{}?# ") != NULL)
		return pd_err_set(err, "'%s' is not %sHOST[:PORT][,...]/NAME",
		    t->url, t->carrier->scheme);
	if (strchr(rest, '@') != NULL)
		return pd_err_set(err,
		    "an address holds no user and no password: see "
		    "--password-file");
	t->hosts = strndup(rest, (size_t)(slash - rest));
	t->name = strdup(slash + 1);
	if (t->hosts == NULL || t->name == NULL)
		return pd_err_nomem(err);
	t->env.hosts = t->hosts;
	t->env.name = t->name;
	return 0;
}

static int
find_carrier(struct pd_transport *t, const char *url, struct pd_err *err)
{
	if ((t->url = strdup(url)) == NULL)
		return pd_err_nomem(err);
	t->env.url = t->url;
	for (size_t i = 0; carriers[i] != NULL; i++)
		if (begins(url, carriers[i]->scheme)) {
			t->carrier = carriers[i];
			t->env.tls = t->carrier->tls;
			return split_url(
			    t, url + strlen(t->carrier->scheme), err);
		}
	if (pd_transport_is_url(url))
		return pd_err_set(err, "built without Kafka: make KAFKA=1");
	return pd_err_set(err, "'%s' names no transport", url);
}

int
pd_transport_check(const char *url, struct pd_err *err)
{
	struct pd_transport *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return pd_err_nomem(err);
	rc = find_carrier(t, url, err);
	pd_transport_close(t);
	return rc;
}

static int
read_password(struct pd_transport *t, struct pd_err *err)
{
	const char *path = t->env.o.password_file;
	struct pd_lines *l;
	char *line;
	ssize_t n;
	int rc = 0;

	if (path == NULL)
		return 0;
	if ((l = pd_lines_open(path, err)) == NULL)
		return -1;
	n = pd_lines_next(l, &line, err);
	if (n == 0 || n == -1)
		rc = pd_err_set(err, "'%s' holds no password", path);
	else if (n < 0)
		rc = -1;
	else if ((size_t)n >= sizeof(t->env.password) ||
		 strlen(line) != (size_t)n)
		rc =
		    pd_err_set(err, "'%s' holds no password of one line", path);
	else
		memcpy(t->env.password, line, (size_t)n + 1);
	pd_lines_close(l);
	return rc;
}

static int
settle_options(struct pd_transport *t, const struct pd_transport_opts *o,
    struct pd_err *err)
{
	struct pd_transport_opts *d = &t->env.o;

	if (o != NULL)
		*d = *o;
	else
		d->replicas = -1;
	if (d->retry_us == 0)
		d->retry_us = RETRY_US;
	if (d->buffer_max == 0)
		d->buffer_max = BUFFER_MAX;
	if (d->claim_us == 0)
		d->claim_us = CLAIM_US;
	if (d->hold_us == 0)
		d->hold_us = HOLD_US;
	if (d->partitions > PARTITIONS_MAX)
		return pd_err_set(err, "at most %d partitions", PARTITIONS_MAX);
	t->env.stats = &t->stats;
	return read_password(t, err);
}

static struct pd_transport *
prepare(const char *url, const struct pd_transport_opts *o, struct pd_err *err)
{
	struct pd_transport *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	if (find_carrier(t, url, err) == 0 && settle_options(t, o, err) == 0)
		return t;
	pd_transport_close(t);
	return NULL;
}

struct pd_transport *
pd_transport_sender(
    const char *url, const struct pd_transport_opts *o, struct pd_err *err)
{
	struct pd_transport *t = prepare(url, o, err);

	if (t == NULL)
		return NULL;
	if ((t->c = t->carrier->sender(&t->env, err)) != NULL)
		return t;
	pd_transport_close(t);
	return NULL;
}

struct pd_transport *
pd_transport_receiver(
    const char *url, const struct pd_transport_opts *o, struct pd_err *err)
{
	struct pd_transport *t = prepare(url, o, err);

	if (t == NULL)
		return NULL;
	if ((t->c = t->carrier->receiver(&t->env, err)) != NULL)
		return t;
	pd_transport_close(t);
	return NULL;
}

/* Take the first parcel off the queue. */
static void
unqueue(struct pd_transport *t, struct pd_parcel **at)
{
	struct pd_parcel *p = *at;

	*at = p->next;
	t->held--;
	t->held_bytes -= p->n + p->header_n;
	free(p);
}

/* Forget what is acknowledged. How many those were. */
static size_t
reap(struct pd_transport *t)
{
	struct pd_parcel **at = &t->head;
	size_t n = 0;

	t->tail = NULL;
	while (*at != NULL) {
		if (!(*at)->acked) {
			t->tail = *at;
			at = &(*at)->next;
			continue;
		}
		t->stats.blocks++;
		t->stats.bytes += (*at)->n;
		n++;
		unqueue(t, at);
	}
	return n;
}

/* One try to send the queue: PD_CARRIER_* or -1. */
static int
push_once(struct pd_transport *t, struct pd_err *err)
{
	const uint64_t now = pd_clock_mono_us();
	uint64_t ms;
	int rc;

	if (t->head == NULL)
		return PD_CARRIER_DONE;
	rc = t->carrier->send(t->c, t->head, err);
	if (reap(t) > 0)
		t->failing_since_us = 0;
	if (rc == PD_CARRIER_DONE) {
		t->failures = 0;
		return rc;
	}
	if (t->failing_since_us == 0)
		t->failing_since_us = now;
	ms = (uint64_t)BACKOFF_MS << (t->failures < 6 ? t->failures : 6);
	t->failures++;
	t->next_try_us = pd_clock_mono_us() +
			 (ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS) * 1000;
	return rc;
}

static bool
gone_too_long(const struct pd_transport *t)
{
	return t->failing_since_us != 0 &&
	       pd_clock_mono_us() - t->failing_since_us >= t->env.o.retry_us;
}

static bool
stopping(const struct pd_transport *t)
{
	return t->env.o.stopping != NULL && t->env.o.stopping();
}

static int
give_up(const struct pd_transport *t, struct pd_err *err)
{
	return pd_err_prefix(
	    err, "'%s': %zu blocks not delivered", t->url, t->held);
}

/* Wait for the next try; false when there shall be none. */
static bool
patience(const struct pd_transport *t)
{
	uint64_t now;

	while ((now = pd_clock_mono_us()) < t->next_try_us) {
		const uint64_t ms = (t->next_try_us - now) / 1000 + 1;

		if (stopping(t))
			return false;
		(void)poll(NULL, 0, ms < 50 ? (int)ms : 50);
	}
	return !stopping(t) && !gone_too_long(t);
}

int
pd_transport_flush(struct pd_transport *t, struct pd_err *err)
{
	struct pd_err e = PD_ERR_INIT;
	int rc;

	while (t->head != NULL) {
		rc = push_once(t, &e);
		if (rc < 0 || (rc == PD_CARRIER_LATER && !patience(t))) {
			pd_err_set(err, "%s", e.msg);
			return give_up(t, err);
		}
	}
	return 0;
}

/* The source goes on whatever happens: one try, when one is due. */
static int
push_live(struct pd_transport *t, struct pd_err *err)
{
	struct pd_err e = PD_ERR_INIT;
	int rc = PD_CARRIER_DONE;

	while (t->head != NULL && rc == PD_CARRIER_DONE &&
	       pd_clock_mono_us() >= t->next_try_us) {
		rc = push_once(t, &e);
		if (rc < 0 || (rc == PD_CARRIER_LATER && gone_too_long(t))) {
			pd_err_set(err, "%s", e.msg);
			return give_up(t, err);
		}
	}
	while (t->head != NULL && t->held_bytes > t->env.o.buffer_max) {
		unqueue(t, &t->head);
		t->stats.dropped++;
	}
	if (t->head == NULL)
		t->tail = NULL;
	return 0;
}

int
pd_transport_tick(struct pd_transport *t, struct pd_err *err)
{
	return t->env.o.live ? push_live(t, err) : 0;
}

/* The place of a stream's header; NULL out of memory. */
static struct pd_outstream *
outstream(struct pd_transport *t, uint64_t id, bool make)
{
	struct pd_outstream *s = t->heads;
	size_t i;

	for (i = t->nheads; i-- > 0;)
		if (s[i].id == id)
			return &s[i];
	if (!make)
		return NULL;
	if (t->nheads == PD_TRANSPORT_STREAMS) {
		pd_buf_release(&s[0].header);
		memmove(s, s + 1, --t->nheads * sizeof(*s));
	}
	if ((s = realloc(s, (t->nheads + 1) * sizeof(*s))) == NULL)
		return NULL;
	t->heads = s;
	s += t->nheads++;
	memset(s, 0, sizeof(*s));
	s->id = id;
	return s;
}

static int
remember_header(struct pd_transport *t, const struct pd_transport_block *b)
{
	struct pd_outstream *s = outstream(t, b->stream_id, true);

	if (s == NULL)
		return -1;
	pd_buf_clear(&s->header);
	return b->n <= HEADER_MAX ? pd_buf_add(&s->header, b->data, b->n) : 0;
}

/* Queue a copy. */
static int
enqueue(struct pd_transport *t, const struct pd_transport_block *b)
{
	const struct pd_outstream *s = NULL;
	struct pd_parcel *p;
	size_t h;

	if (b->type == PD_PDS_HEADER) {
		if (remember_header(t, b))
			return -1;
	} else {
		s = outstream(t, b->stream_id, false);
	}
	h = s != NULL ? s->header.len : 0;
	if ((p = calloc(1, sizeof(*p) + b->n + h)) == NULL)
		return -1;
	p->stream_id = b->stream_id;
	p->seq = b->seq;
	p->n = b->n;
	p->header_n = h;
	memcpy(p->data, b->data, b->n);
	if (h > 0)
		memcpy(p->data + b->n, s->header.data, h);
	if (t->tail != NULL)
		t->tail->next = p;
	else
		t->head = p;
	t->tail = p;
	t->held++;
	t->held_bytes += b->n + h;
	return 0;
}

int
pd_transport_put(struct pd_transport *t, const struct pd_transport_block *b,
    struct pd_err *err)
{
	if (enqueue(t, b))
		return pd_err_nomem(err);
	if (t->env.o.live)
		return push_live(t, err);
	if (t->held_bytes < BATCH_BYTES && t->held < BATCH_BLOCKS)
		return 0;
	return pd_transport_flush(t, err);
}

/* Put the blocks of what was fed that are whole. */
static int
put_whole(struct pd_transport *t, struct pd_err *err)
{
	struct pd_transport_block b = {0};
	struct pd_pds_block p;
	uint64_t at;
	int rc;

	while ((rc = pd_pds_next(t->split, &p, err)) == PD_PDS_GOT) {
		at = p.offset - t->raw_base;
		b.stream_id = p.stream_id;
		b.seq = p.seq;
		b.type = p.type;
		b.data = t->raw.data + at;
		b.n = p.size;
		if (pd_transport_put(t, &b, err))
			return -1;
		pd_buf_consume(&t->raw, at + p.size);
		t->raw_base = p.offset + p.size;
	}
	return rc < 0 ? -1 : 0;
}

int
pd_transport_write(
    struct pd_transport *t, const void *p, size_t n, struct pd_err *err)
{
	if (n == 0)
		return 0;
	if (t->split == NULL && (t->split = pd_pds_reader_new()) == NULL)
		return pd_err_nomem(err);
	if (pd_buf_add(&t->raw, p, n) || pd_pds_reader_feed(t->split, p, n))
		return pd_err_nomem(err);
	return put_whole(t, err);
}

void
pd_transport_stats(const struct pd_transport *t, struct pd_transport_stats *s)
{
	*s = t->stats;
}

void
pd_transport_close(struct pd_transport *t)
{
	if (t == NULL)
		return;
	if (t->c != NULL)
		t->carrier->close(t->c);
	while (t->head != NULL)
		unqueue(t, &t->head);
	for (size_t i = 0; i < t->nheads; i++)
		pd_buf_release(&t->heads[i].header);
	free(t->heads);
	pd_pds_reader_free(t->split);
	pd_buf_release(&t->raw);
	pd_transport_in_release(t);
	free(t->url);
	free(t->hosts);
	free(t->name);
	free(t);
}
