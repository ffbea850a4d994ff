/* Walks over the keys: SCAN, KEYS. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"

#define COUNT_DEFAULT 10

/* Keys are replied as they are met; nothing changes the store meanwhile. */
struct walk {
	struct pd_client *c;
	const struct pd_arg *pattern; /* NULL: all */
	uint64_t seen;		      /* keys met, of any database */
	uint64_t found;		      /* keys replied */
};

static bool
matches(const struct walk *w, const struct pd_entry *e)
{
	const int64_t at = pd_entry_expiry(e);

	if (pd_entry_db(e) != w->c->db)
		return false;
	if (at != 0 && at <= w->c->worker->now_ms)
		return false;
	return w->pattern == NULL ||
	       pd_glob_match(w->pattern->p, w->pattern->n,
		   (const char *)pd_entry_key(e), pd_entry_key_len(e));
}

static void
visit(void *cookie, struct pd_entry *e)
{
	struct walk *w = cookie;

	w->seen++;
	if (!matches(w, e))
		return;
	w->found++;
	pd_reply_bulk(&w->c->reply, pd_entry_key(e), pd_entry_key_len(e));
}

static bool
all_keys(const struct pd_arg *p)
{
	return p->n == 1 && p->p[0] == '*';
}

static void
run_keys(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct walk w = {.c = c, .pattern = all_keys(&a[1]) ? NULL : &a[1]};
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_store *st;
	uint64_t cursor;
	uint32_t i;

	(void)n;
	for (i = 0; i < c->server->nshards; i++) {
		st = c->server->shards[i].store;
		cursor = 0;
		do
			cursor = pd_store_scan(st, cursor, visit, &w);
		while (cursor != 0);
	}
	pd_reply_now_array(&c->reply, place, w.found);
}

/* A cursor: decimal, whole, up to 64 bits; as strtoul() takes it. */
static bool
parse_cursor(const struct pd_arg *a, uint64_t *v)
{
	char text[24], *end;

	if (a->n == 0 || a->n >= sizeof(text) ||
	    isspace((unsigned char)a->p[0]))
		return false;
	memcpy(text, a->p, a->n);
	text[a->n] = '\0';
	errno = 0;
	*v = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

/* Keys are gathered first, for the cursor comes before them in the reply. */
struct scan {
	struct walk w;
	struct pd_buf found; /* struct pd_entry *, not aligned */
};

static void
gather(void *cookie, struct pd_entry *e)
{
	struct scan *s = cookie;

	s->w.seen++;
	if (matches(&s->w, e))
		pd_buf_add(&s->found, &e, sizeof(void *));
}

static void
reply_scan(struct pd_client *c, uint64_t cursor, const struct pd_buf *found)
{
	const struct pd_entry *e;
	const size_t bytes = sizeof(void *);
	const size_t n = found->len / bytes;
	size_t i;

	if (found->failed) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	}
	pd_reply_array(&c->reply, 2);
	pd_reply_bulk_int(&c->reply, (int64_t)cursor);
	pd_reply_array(&c->reply, n);
	for (i = 0; i < n; i++) {
		memcpy(&e, found->data + i * bytes, bytes);
		pd_reply_bulk(&c->reply, pd_entry_key(e), pd_entry_key_len(e));
	}
}

struct scan_opts {
	const struct pd_arg *pattern;
	int64_t count;
	bool none; /* a type that no key has */
};

static bool
parse_scan(struct pd_client *c, const struct pd_arg *a, uint32_t n,
    struct scan_opts *o)
{
	uint32_t i;

	for (i = 2; i < n; i += 2) {
		if (i + 1 < n && pd_arg_is(&a[i], "count")) {
			if (!pd_arg_int(c, &a[i + 1], &o->count))
				return false;
			if (o->count < 1)
				goto syntax;
		} else if (i + 1 < n && pd_arg_is(&a[i], "match")) {
			o->pattern = all_keys(&a[i + 1]) ? NULL : &a[i + 1];
		} else if (i + 1 < n && pd_arg_is(&a[i], "type")) {
			o->none = !pd_arg_is(&a[i + 1], "string");
		} else {
			goto syntax;
		}
	}
	return true;
syntax:
	pd_reply_error(&c->reply, PD_ERR_SYNTAX);
	return false;
}

/*
 * Go on at a cursor of all shards: the number of the shard is in the low bits,
 * its own cursor, of 48 bits, above them. Returns the next, 0 at the end.
 */
static uint64_t
scan_on(const struct pd_server *s, uint64_t cursor, struct scan *sc)
{
	const uint32_t shard = (uint32_t)cursor & (s->nshards - 1);
	uint64_t at = (cursor / s->nshards) & PD_INDEX_CURSOR;

	at = pd_store_scan(s->shards[shard].store, at, gather, sc);
	if (at != 0)
		return at * s->nshards + shard;
	return shard + 1 < s->nshards ? shard + 1 : 0;
}

static void
run_scan(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct scan s = {.w = {.c = c}, .found = PD_BUF_INIT};
	struct scan_opts o = {.count = COUNT_DEFAULT};
	uint64_t cursor, buckets;

	if (!parse_cursor(&a[1], &cursor)) {
		pd_reply_error(&c->reply, "ERR invalid cursor");
		return;
	}
	if (!parse_scan(c, a, n, &o))
		return;
	s.w.pattern = o.pattern;
	buckets = o.count > INT64_MAX / 10 ? INT64_MAX : (uint64_t)o.count * 10;
	/* A type that is not there is filtered, but the walk goes on as for
	 * any filter: the cursor must come to its end. */
	do {
		cursor = scan_on(c->server, cursor, &s);
	} while (cursor != 0 && --buckets > 0 && s.w.seen < (uint64_t)o.count);
	if (o.none)
		pd_buf_clear(&s.found);
	reply_scan(c, cursor, &s.found);
	pd_buf_release(&s.found);
}

#define DEF(name_, arity_)                                                     \
	.name = (name_), .arity = (arity_), .flags = PD_CMD_READONLY,          \
	.cats = PD_CAT_KEYSPACE, .group = "generic"

const struct pd_command pd_commands_scan[] = {
    {DEF("scan", -2), .run = run_scan, .since = "2.8.0",
	.complexity = "O(1) for every call",
	.tips = "nondeterministic_output request_policy:special",
	.summary = "Walk over the keys in pieces."},
    {.name = "keys",
	.arity = 2,
	.flags = PD_CMD_READONLY,
	.cats = PD_CAT_KEYSPACE | PD_CAT_DANGEROUS,
	.group = "generic",
	.run = run_keys,
	.since = "1.0.0",
	.complexity = "O(N)",
	.tips = "request_policy:all_shards nondeterministic_output_order",
	.summary = "All keys that match a pattern."},
    {.name = NULL},
};
