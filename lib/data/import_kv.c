/*
 * Two public sets of key-value traces as comma-separated text.
 *
 * Twitter (github.com/twitter/cache-trace): timestamp in seconds, anonymized
 * key, key size, value size, client id, operation, TTL in seconds. A get does
 * not tell the size of its value where that is 0; then it is the last one
 * known.
 *
 * Meta (CacheLib, cachebench): a line of names, among them key, op, size; and
 * op_count, how often the operation was repeated; op_time in seconds, ttl in
 * seconds, usecase. Without op_time, time is the request number.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "data/event.h"
#include "data/import.h"
#include "data/import_text.h"
#include "data/sizes.h"

#define MAX_FIELDS 32
#define MAX_REPEAT 1000000

enum {
	COL_TIME,
	COL_KEY,
	COL_OP,
	COL_SIZE,
	COL_COUNT,
	COL_TTL,
	COL_CLIENT,
	COLS
};

struct kv {
	struct pd_import_text text; /* first */
	int place[COLS];	    /* field number, -1 absent */
	bool named;		    /* meta: the names are known */
	bool meta;
	int fields; /* that a line must have */
	/* A record that stands for several requests. */
	uint64_t again;
	struct pd_event event;
	struct pd_import_key key;
	struct pd_sizes sizes;
};

static void
kv_close(void *src)
{
	struct kv *k = src;

	if (k == NULL)
		return;
	pd_import_text_release(&k->text);
	free(k);
}

static struct kv *
kv_open(const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	struct kv *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	if (pd_import_text_open(&k->text, path, o, err)) {
		kv_close(k);
		return NULL;
	}
	return k;
}

static void *
twitter_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	static const int place[COLS] = {0, 1, 5, 3, -1, 6, 4};
	struct kv *k = kv_open(path, o, err);

	if (k == NULL)
		return NULL;
	memcpy(k->place, place, sizeof(place));
	k->named = true;
	k->fields = 7;
	return k;
}

static void *
meta_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	struct kv *k = kv_open(path, o, err);

	if (k != NULL)
		k->meta = true;
	return k;
}

static int
take_names(
    struct kv *k, const struct pd_text_field *f, int n, struct pd_err *err)
{
	static const char *const name[COLS] = {
	    "op_time", "key", "op", "size", "op_count", "ttl", "usecase"};

	for (int c = 0; c < COLS; c++) {
		k->place[c] = -1;
		for (int i = 0; i < n; i++)
			if (pd_text_field_is(f[i], name[c]))
				k->place[c] = i;
	}
	if (k->place[COL_KEY] < 0 || k->place[COL_OP] < 0)
		return pd_err_set(err,
		    "%s:1: no line of names with 'key' and 'op'", k->text.name);
	if (k->place[COL_TIME] < 0)
		k->text.unit = PD_TIME_SEQ;
	k->named = true;
	k->fields = 2;
	return 0;
}

static bool
field_of(const struct kv *k, int col, const struct pd_text_field *f, int n,
    struct pd_text_field *out)
{
	const int i = k->place[col];

	if (i < 0 || i >= n || f[i].n == 0)
		return false;
	*out = f[i];
	return true;
}

static void
take_size(struct kv *k, bool known, uint32_t size, struct pd_event *e,
    const struct pd_import_key *key)
{
	if (known && (size > 0 || pd_op_writes(e->op))) {
		pd_sizes_put(&k->sizes, key, size);
		e->size = size;
	} else {
		e->size = pd_sizes_get(&k->sizes, key);
	}
}

/* The reason why a line is none, or NULL; ${what} is the part that it is. */
static const char *
parse(struct kv *k, const struct pd_text_field *f, int n, struct pd_event *e,
    struct pd_import_key *key, struct pd_text_field *what)
{
	const uint64_t scale = pd_timeunit_us(k->text.unit);
	struct pd_text_field v;
	uint64_t count = 1;
	uint32_t size = 0;
	int op;

	*what = (struct pd_text_field){"", 0};
	if (n < k->fields)
		return "too few fields";
	if (!field_of(k, COL_KEY, f, n, &v))
		return "no key";
	key->p = v.p;
	key->n = v.n;
	if (k->text.unit != PD_TIME_SEQ &&
	    (!field_of(k, COL_TIME, f, n, what) ||
		pd_text_field_time(*what, scale, &e->time_us)))
		return "no time";
	if (!field_of(k, COL_OP, f, n, what) ||
	    (op = pd_text_field_op(*what)) < 0)
		return "no operation";
	e->op = (uint8_t)op;
	if (field_of(k, COL_SIZE, f, n, what) &&
	    pd_text_field_u32(*what, &size))
		return "no size";
	if (field_of(k, COL_TTL, f, n, what) &&
	    pd_text_field_time(*what, 1000, &e->ttl_ms))
		return "no ttl";
	if (field_of(k, COL_COUNT, f, n, what) &&
	    (pd_text_field_u64(*what, &count) || count == 0 ||
		count > MAX_REPEAT))
		return "no number of requests";
	if (e->ttl_ms > 0)
		e->flags |= PD_EV_TTL;
	if (field_of(k, COL_CLIENT, f, n, &v)) {
		e->client = (uint32_t)pd_hash64(v.p, v.n, 0);
		e->client += e->client == 0;
	}
	take_size(k, k->place[COL_SIZE] >= 0, size, e, key);
	k->again = count;
	return NULL;
}

/* Read up to a line that is a record. 1, 0, -1. */
static int
next_line(struct kv *k, struct pd_err *err)
{
	struct pd_text_field f[MAX_FIELDS], what;
	const char *why;
	char *line;
	size_t len;
	int n, rc;

	for (;;) {
		if ((rc = pd_import_text_line(&k->text, &line, &len, err)) != 1)
			return rc;
		n = pd_import_text_split(line, len, f, MAX_FIELDS);
		if (n < 0) {
			what = (struct pd_text_field){line, len};
			if (pd_import_text_reject(
				&k->text, "it ends within quotes", what, err))
				return -1;
			continue;
		}
		if (!k->named) {
			if (take_names(k, f, n, err))
				return -1;
			continue;
		}
		pd_event_init(&k->event);
		why = parse(k, f, n, &k->event, &k->key, &what);
		if (why == NULL && k->event.op == PD_OP_OTHER) {
			k->text.ignored++;
			k->again = 0;
			continue;
		}
		if (why == NULL)
			return 1;
		if (pd_import_text_reject(&k->text, why, what, err))
			return -1;
	}
}

static int
kv_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct kv *k = src;
	int rc;

	if (k->again == 0 && (rc = next_line(k, err)) != 1)
		return rc;
	k->again--;
	*e = k->event;
	*key = k->key;
	if (k->text.unit == PD_TIME_SEQ)
		e->time_us = k->text.records;
	k->text.records++;
	return 1;
}

const struct pd_import pd_import_twitter = {.name = "twitter",
    .unit = PD_TIME_S,
    .open = twitter_open,
    .next = kv_next,
    .offset = pd_import_text_offset,
    .ignored = pd_import_text_ignored,
    .rejects = pd_import_text_rejects,
    .close = kv_close};

const struct pd_import pd_import_meta = {.name = "meta",
    .unit = PD_TIME_S,
    .open = meta_open,
    .next = kv_next,
    .offset = pd_import_text_offset,
    .ignored = pd_import_text_ignored,
    .rejects = pd_import_text_rejects,
    .close = kv_close};
