/*
 * memcached's watch, doc/protocol.txt: a line an event,
 *	ts=1795480562.234805 gid=4 type=item_get key=foo status=found
 *	clsid=1 cfd=25 size=3
 * with keys URI-encoded and microseconds without leading zeros. A command that
 * stores or deletes looks its key up first, and that look-up has a line of its
 * own before the other; the pair is one access. The server drops lines when
 * nobody takes them fast enough and tells how many ("skipped=N" to a slow
 * watcher, log_worker_dropped in its stats).
 *
 * Lines of one worker are in order; those of several come in turns.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "data/event.h"
#include "data/import_text.h"
#include "data/source_priv.h"
#include "io/fd.h"

#define KEY_MAX 250
#define MISS_SLOTS 65536
#define REALTIME_MAX (1u << 31) /* larger ttls were negative */
#define STATS_MAX 32768
#define HOLD_US 50000 /* how long the second line of a pair may take */

enum line_kind { LINE_OTHER, LINE_BAD, LINE_GET, LINE_STORE, LINE_DELETE };

/* One line of the log. */
struct entry {
	enum line_kind kind;
	uint64_t time_us;
	uint64_t gid;
	uint32_t cfd;
	uint32_t ttl;
	uint32_t size;
	bool found;  /* of a look-up */
	bool stored; /* of a store */
	bool update; /* append, prepend */
	size_t nkey;
	char key[KEY_MAX];
};

struct memcached {
	struct pd_live_lines lines;
	int fd;
	int stats;	/* a second connection */
	bool deletions; /* asked for, and not refused */
	bool answered;
	bool holding; /* a look-up that may belong to the next line */
	uint64_t held_us;
	struct entry now, held;
	uint64_t worker_dropped; /* as the server said last */
	bool dropped_known;
	struct pd_live_counts counts;
	/* Misses that a store may fill, direct-mapped. */
	struct {
		uint64_t key;
		uint64_t tick;
	} miss[MISS_SLOTS];
	struct entry out; /* handed out; the key is borrowed */
};

static void
memcached_close(void *src)
{
	struct memcached *m = src;

	if (m == NULL)
		return;
	pd_live_lines_release(&m->lines);
	if (m->fd >= 0)
		close(m->fd);
	if (m->stats >= 0)
		close(m->stats);
	free(m);
}

/* --- lines -------------------------------------------------------------- */

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
decode_key(struct entry *e, struct pd_text_field f)
{
	e->nkey = 0;
	for (size_t i = 0; i < f.n; i++) {
		char c = f.p[i];

		if (c == '%') {
			if (f.n - i < 3 || hex(f.p[i + 1]) < 0 ||
			    hex(f.p[i + 2]) < 0)
				return -1;
			c = (char)(hex(f.p[i + 1]) << 4 | hex(f.p[i + 2]));
			i += 2;
		}
		if (e->nkey == sizeof(e->key))
			return -1;
		e->key[e->nkey++] = c;
	}
	return e->nkey > 0 ? 0 : -1;
}

/* "seconds.microseconds", the latter without leading zeros. */
static int
parse_ts(struct pd_text_field f, uint64_t *us)
{
	const char *dot = memchr(f.p, '.', f.n);
	struct pd_text_field s = f, u;
	uint64_t micros;

	if (dot == NULL)
		return -1;
	s.n = (size_t)(dot - f.p);
	u.p = dot + 1;
	u.n = f.n - s.n - 1;
	if (pd_text_field_u64(s, us) || pd_text_field_u64(u, &micros) ||
	    *us > UINT32_MAX || micros > 999999)
		return -1;
	*us = *us * 1000000 + micros;
	return 0;
}

static enum line_kind
kind_of(struct pd_text_field f)
{
	if (pd_text_field_is(f, "item_get"))
		return LINE_GET;
	if (pd_text_field_is(f, "item_store"))
		return LINE_STORE;
	return pd_text_field_is(f, "deleted") ? LINE_DELETE : LINE_OTHER;
}

/* One "name=value". 0 or -1. */
static int
take_pair(struct entry *e, struct pd_text_field name, struct pd_text_field v)
{
	if (pd_text_field_is(name, "ts"))
		return parse_ts(v, &e->time_us);
	if (pd_text_field_is(name, "gid"))
		return pd_text_field_u64(v, &e->gid);
	if (pd_text_field_is(name, "type"))
		e->kind = kind_of(v);
	else if (pd_text_field_is(name, "key"))
		return decode_key(e, v);
	else if (pd_text_field_is(name, "cfd"))
		return pd_text_field_u32(v, &e->cfd);
	else if (pd_text_field_is(name, "ttl"))
		return pd_text_field_u32(v, &e->ttl);
	else if (pd_text_field_is(name, "size"))
		return pd_text_field_u32(v, &e->size);
	else if (pd_text_field_is(name, "cmd"))
		e->update = pd_text_field_is(v, "append") ||
			    pd_text_field_is(v, "prepend");
	else if (pd_text_field_is(name, "status")) {
		e->found = pd_text_field_is(v, "found");
		e->stored = pd_text_field_is(v, "stored");
	}
	return 0;
}

static void
parse_line(struct entry *e, const char *p, size_t n)
{
	struct pd_text_field name, value;
	const char *const end = p + n;
	const char *eq, *sp;

	memset(e, 0, offsetof(struct entry, key));
	while (p < end) {
		if ((sp = memchr(p, ' ', (size_t)(end - p))) == NULL)
			sp = end;
		if ((eq = memchr(p, '=', (size_t)(sp - p))) == NULL) {
			e->kind = LINE_BAD;
			return;
		}
		name = (struct pd_text_field){p, (size_t)(eq - p)};
		value = (struct pd_text_field){eq + 1, (size_t)(sp - eq) - 1};
		if (take_pair(e, name, value)) {
			e->kind = LINE_BAD;
			return;
		}
		p = sp < end ? sp + 1 : end;
	}
	if (e->kind > LINE_BAD && (e->nkey == 0 || e->time_us == 0))
		e->kind = LINE_BAD;
}

/* --- events ------------------------------------------------------------- */

static void
give_key(struct memcached *m, const struct entry *e, struct pd_import_key *key)
{
	m->out = *e;
	key->p = m->out.key;
	key->n = m->out.nkey;
	key->db = 0;
}

static uint64_t
miss_hash(const struct entry *e)
{
	return pd_hash64(e->key, e->nkey, 0) | 1;
}

static void
fill_common(const struct entry *in, struct pd_event *e)
{
	e->time_us = in->time_us;
	e->client = in->cfd;
	e->size = in->size;
}

static int
give_get(struct memcached *m, const struct entry *in, struct pd_event *e,
    struct pd_import_key *key)
{
	const uint64_t h = miss_hash(in);
	const uint64_t i = (h >> 32) % MISS_SLOTS;

	fill_common(in, e);
	e->op = PD_OP_GET;
	if (in->found) {
		e->flags |= PD_EV_HIT;
	} else {
		e->size = 1;
		m->miss[i].key = h;
		m->miss[i].tick = e->tick;
	}
	give_key(m, in, key);
	return 1;
}

/* ${lookup} is that of the store, NULL unknown. */
static int
give_store(struct memcached *m, const struct entry *in,
    const struct entry *lookup, struct pd_event *e, struct pd_import_key *key)
{
	const uint64_t h = miss_hash(in);
	const uint64_t i = (h >> 32) % MISS_SLOTS;

	fill_common(in, e);
	e->op = in->update ? PD_OP_UPDATE : PD_OP_SET;
	if (in->kind == LINE_DELETE)
		e->op = PD_OP_DEL;
	else if (!in->stored) /* add, replace or cas that had no effect */
		e->op = PD_OP_TOUCH;
	if (in->ttl > 0) {
		e->flags |= PD_EV_TTL;
		e->ttl_ms = in->ttl < REALTIME_MAX ? in->ttl * 1000ULL : 1;
	}
	if (lookup != NULL && lookup->found) {
		e->flags |= PD_EV_HIT;
	} else if (e->op == PD_OP_SET && m->miss[i].key == h) {
		e->flags |= PD_EV_FILL;
		e->tick = m->miss[i].tick;
	}
	if (m->miss[i].key == h)
		m->miss[i].key = 0;
	give_key(m, in, key);
	return 1;
}

static bool
same_command(const struct entry *a, const struct entry *b)
{
	return a->cfd == b->cfd && a->nkey == b->nkey &&
	       memcmp(a->key, b->key, a->nkey) == 0;
}

/* "OK" to the watch, or an error. 0, or -1 with a message. */
static int
first_line(struct memcached *m, const char *line, struct pd_err *err)
{
	static const char again[] = "watch fetchers mutations\r\n";

	if (strcmp(line, "OK") == 0) {
		m->answered = true;
		return 0;
	}
	if (!m->deletions)
		return pd_err_set(err, "watch: %.200s", line);
	/* It knows no deletions: they look like reads then. */
	m->deletions = false;
	if (pd_write_full(m->fd, again, sizeof(again) - 1))
		return pd_err_sys(err, "cannot send watch");
	return 0;
}

/* A line that is an event goes to m->now: 1, else as lines_next(). */
static int
next_entry(struct memcached *m, struct pd_err *err)
{
	uint64_t skipped;
	char *line;
	size_t n;
	int rc;

	for (;;) {
		rc = pd_live_lines_next(&m->lines, &line, &n, err);
		if (rc != 1)
			return rc;
		if (!m->answered) {
			if (first_line(m, line, err))
				return -1;
			continue;
		}
		if (n > 8 && memcmp(line, "skipped=", 8) == 0) {
			if (pd_text_field_u64(
				(struct pd_text_field){line + 8, n - 8},
				&skipped) == 0)
				m->counts.lost += skipped;
			continue;
		}
		parse_line(&m->now, line, n);
		if (m->now.kind > LINE_BAD)
			return 1;
		m->counts.bad += m->now.kind == LINE_BAD;
		m->counts.ignored += m->now.kind == LINE_OTHER;
	}
}

/* The look-up that is held is an access of its own. */
static int
give_held(struct memcached *m, struct pd_event *e, struct pd_import_key *key)
{
	m->holding = false;
	return give_get(m, &m->held, e, key);
}

static int
memcached_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct memcached *m = src;
	int rc;

	for (;;) {
		if (m->now.kind <= LINE_BAD && (rc = next_entry(m, err)) != 1) {
			if (m->holding && rc != -1 &&
			    (rc == PD_LIVE_CLOSED ||
				pd_clock_mono_us() - m->held_us > HOLD_US))
				return give_held(m, e, key);
			return rc;
		}
		if (m->holding && (m->now.kind == LINE_GET ||
				      !same_command(&m->held, &m->now)))
			return give_held(m, e, key); /* now waits */
		if (m->now.kind != LINE_GET)
			break;
		m->held = m->now;
		m->holding = true;
		m->held_us = pd_clock_mono_us();
		m->now.kind = LINE_OTHER;
	}
	rc = give_store(m, &m->now, m->holding ? &m->held : NULL, e, key);
	m->holding = false;
	m->now.kind = LINE_OTHER;
	return rc;
}

/* Nothing more is waited for. */
static void
memcached_finish(void *src)
{
	((struct memcached *)src)->lines.closed = true;
}

/* --- the server's counters ---------------------------------------------- */

/* What the server answers to "stats", as text; 0 or -1. */
static int
read_stats(int fd, char *text, size_t size)
{
	const uint64_t until = pd_clock_mono_us() + PD_LIVE_ASK_MS * 1000ULL;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	uint64_t now;
	ssize_t n;

	if (pd_write_full(fd, "stats\r\n", 7))
		return -1;
	while (len + 1 < size) {
		if ((now = pd_clock_mono_us()) >= until ||
		    poll(&p, 1, (int)((until - now) / 1000) + 1) <= 0)
			return -1;
		n = pd_read_some(fd, text + len, size - 1 - len);
		if (n <= 0)
			return -1;
		len += (size_t)n;
		text[len] = '\0';
		if (len >= 5 && strcmp(text + len - 5, "END\r\n") == 0)
			return 0;
	}
	return -1;
}

static void
memcached_check(void *src, uint64_t now_us)
{
	static const char name[] = "STAT log_worker_dropped ";
	struct memcached *m = src;
	char text[STATS_MAX];
	struct pd_text_field f;
	uint64_t dropped;

	(void)now_us;
	if (m->stats < 0)
		return;
	if (read_stats(m->stats, text, sizeof(text))) {
		close(m->stats);
		m->stats = -1;
		return;
	}
	if ((f.p = strstr(text, name)) == NULL)
		return;
	f.p += sizeof(name) - 1;
	f.n = strcspn(f.p, "\r\n");
	if (pd_text_field_u64(f, &dropped))
		return;
	if (m->dropped_known && dropped > m->worker_dropped)
		m->counts.lost += dropped - m->worker_dropped;
	m->worker_dropped = dropped;
	m->dropped_known = true;
}

static ssize_t
read_socket(void *cookie, void *p, size_t n)
{
	return read(((struct memcached *)cookie)->fd, p, n);
}

static void *
memcached_open(
    const struct pd_addr *a, const struct pd_live_login *l, struct pd_err *err)
{
	static const char command[] = "watch fetchers mutations deletions\r\n";
	struct memcached *m;

	if (l->password != NULL || l->user != NULL) {
		(void)pd_err_set(
		    err, "memcached is watched without user and password");
		return NULL;
	}
	if ((m = calloc(1, sizeof(*m))) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	m->fd = m->stats = -1;
	m->counts.load = -1;
	m->deletions = true;
	if (pd_live_lines_init(&m->lines, read_socket, m))
		pd_err_nomem(err);
	else if ((m->fd = pd_sock_connect(a, PD_LIVE_CONNECT_MS, err)) >= 0 &&
		 (m->stats = pd_sock_connect(a, PD_LIVE_CONNECT_MS, err)) >=
		     0) {
		memcached_check(m, 0);
		if (pd_write_full(m->fd, command, sizeof(command) - 1) == 0 &&
		    pd_sock_nonblock(m->fd, true) == 0)
			return m;
		(void)pd_err_sys(err, "cannot send watch");
	}
	memcached_close(m);
	return NULL;
}

static int
memcached_fd(const void *src)
{
	return ((const struct memcached *)src)->fd;
}

static const struct pd_live_counts *
memcached_counts(const void *src)
{
	return &((const struct memcached *)src)->counts;
}

const struct pd_live pd_live_memcached = {.scheme = "memcached",
    .port = "11211",
    .hits = true,
    .open = memcached_open,
    .fd = memcached_fd,
    .next = memcached_next,
    .finish = memcached_finish,
    .check = memcached_check,
    .counts = memcached_counts,
    .close = memcached_close};
