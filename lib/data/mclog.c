/*
 * A line an event, doc/protocol.txt of memcached:
 *	ts=1795480562.234805 gid=4 type=item_get key=foo status=found
 *	clsid=1 cfd=25 size=3
 * with keys URI-encoded and microseconds without leading zeros.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/num.h"
#include "data/event.h"
#include "data/import.h"
#include "data/import_text.h"
#include "data/mclog.h"

#define KEY_MAX 250
#define MISS_SLOTS 65536
#define REALTIME_MAX (1u << 31) /* larger ttls were negative */

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

struct pd_mclog {
	bool holding; /* a look-up that may belong to the next line */
	bool flushed;
	struct entry now, held;
	struct entry out; /* handed out; the key is borrowed */
	uint64_t lost;
	/* Misses that a store may fill, direct-mapped. */
	struct {
		uint64_t key;
		uint64_t tick;
	} miss[MISS_SLOTS];
};

struct pd_mclog *
pd_mclog_new(void)
{
	return calloc(1, sizeof(struct pd_mclog));
}

void
pd_mclog_free(struct pd_mclog *m)
{
	free(m);
}

/* --- lines -------------------------------------------------------------- */

static int
decode_key(struct entry *e, struct pd_text_field f)
{
	e->nkey = 0;
	for (size_t i = 0; i < f.n; i++) {
		char c = f.p[i];
		int byte;

		if (c == '%') {
			byte = pd_parse_hex2(f.p + i + 1, f.n - i - 1);
			if (byte < 0)
				return -1;
			c = (char)byte;
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
	bool typed = false, good = true;

	memset(e, 0, offsetof(struct entry, key));
	while (p < end && good) {
		if ((sp = memchr(p, ' ', (size_t)(end - p))) == NULL)
			sp = end;
		eq = memchr(p, '=', (size_t)(sp - p));
		good = eq != NULL;
		if (good) {
			name = (struct pd_text_field){p, (size_t)(eq - p)};
			value = (struct pd_text_field){
			    eq + 1, (size_t)(sp - eq) - 1};
			typed = typed || pd_text_field_is(name, "type");
			good = take_pair(e, name, value) == 0;
		}
		p = sp < end ? sp + 1 : end;
	}
	/* Lines of other types have fields of their own. */
	if (!typed || (e->kind != LINE_OTHER &&
			  (!good || e->nkey == 0 || e->time_us == 0)))
		e->kind = LINE_BAD;
}

/* --- events ------------------------------------------------------------- */

static void
give_key(struct pd_mclog *m, const struct entry *e, struct pd_import_key *key)
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

static void
give_get(struct pd_mclog *m, const struct entry *in, struct pd_event *e,
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
}

/* ${lookup} is that of the store, NULL unknown. */
static void
give_store(struct pd_mclog *m, const struct entry *in,
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
}

static bool
same_command(const struct entry *a, const struct entry *b)
{
	return a->cfd == b->cfd && a->nkey == b->nkey &&
	       memcmp(a->key, b->key, a->nkey) == 0;
}

enum pd_mclog_line
pd_mclog_line(struct pd_mclog *m, const char *line, size_t n)
{
	static const char skipped[] = "skipped=";
	const size_t k = sizeof(skipped) - 1;
	uint64_t count;

	m->flushed = false;
	if (n > k && memcmp(line, skipped, k) == 0) {
		if (pd_text_field_u64(
			(struct pd_text_field){line + k, n - k}, &count))
			return PD_MCLOG_BAD;
		m->lost += count;
		return PD_MCLOG_OTHER;
	}
	parse_line(&m->now, line, n);
	if (m->now.kind == LINE_BAD)
		return PD_MCLOG_BAD;
	return m->now.kind > LINE_BAD ? PD_MCLOG_EVENT : PD_MCLOG_OTHER;
}

static void
give_held(struct pd_mclog *m, struct pd_event *e, struct pd_import_key *key)
{
	m->holding = false;
	give_get(m, &m->held, e, key);
}

bool
pd_mclog_next(struct pd_mclog *m, struct pd_event *e, struct pd_import_key *key)
{
	const bool entry = m->now.kind > LINE_BAD;

	if (m->holding &&
	    (entry ? m->now.kind == LINE_GET || !same_command(&m->held, &m->now)
		   : m->flushed)) {
		give_held(m, e, key); /* an access of its own; now waits */
		return true;
	}
	if (!entry)
		return false;
	if (m->now.kind == LINE_GET) {
		m->held = m->now;
		m->holding = true;
		m->now.kind = LINE_OTHER;
		return false;
	}
	give_store(m, &m->now, m->holding ? &m->held : NULL, e, key);
	m->holding = false;
	m->now.kind = LINE_OTHER;
	return true;
}

bool
pd_mclog_holds(const struct pd_mclog *m)
{
	return m->holding;
}

void
pd_mclog_flush(struct pd_mclog *m)
{
	m->flushed = true;
}

uint64_t
pd_mclog_lost(const struct pd_mclog *m)
{
	return m->lost;
}
