/* LCS: the longest common subsequence of two values. */

#include <stdlib.h>
#include <string.h>

#include "cache/command_table.h"
#include "cache/command_util.h"
#include "data/event.h"

#define ERR_LARGE                                                              \
	"ERR Insufficient memory, transient memory for LCS exceeds "           \
	"proto-max-bulk-len"
#define ERR_MEMORY                                                             \
	"ERR Insufficient memory, failed allocating transient memory for LCS"

struct text {
	const uint8_t *p;
	uint32_t n;
};

struct lcs {
	struct text a;
	struct text b;
	uint32_t *table; /* (a.n + 1) rows of (b.n + 1) */
	bool len;
	bool idx;
	bool with_length;
	int64_t least; /* shorter matches are not told */
};

static uint32_t *
cell(const struct lcs *l, uint32_t i, uint32_t j)
{
	return &l->table[(size_t)i * (l->b.n + 1) + j];
}

static bool
parse(struct pd_client *c, const struct pd_arg *a, uint32_t n, struct lcs *l)
{
	uint32_t i;

	for (i = 3; i < n; i++) {
		if (pd_arg_is(&a[i], "idx")) {
			l->idx = true;
		} else if (pd_arg_is(&a[i], "len")) {
			l->len = true;
		} else if (pd_arg_is(&a[i], "withmatchlen")) {
			l->with_length = true;
		} else if (pd_arg_is(&a[i], "minmatchlen") && i + 1 < n) {
			if (!pd_arg_int(c, &a[++i], &l->least))
				return false;
		} else {
			pd_reply_error(&c->reply, PD_ERR_SYNTAX);
			return false;
		}
	}
	if (l->idx && l->len) {
		pd_reply_error(&c->reply,
		    "ERR If you want both the length and indexes, please just "
		    "use IDX.");
		return false;
	}
	return true;
}

/*
 * The table of dynamic programming: for each pair of prefixes the length of
 * their longest common subsequence. It may be as large as a value, as in
 * Redis: so one command cannot take what it likes of memory and time. False
 * having replied.
 */
static bool
solve(struct pd_client *c, struct lcs *l)
{
	const uint64_t rows = l->a.n + UINT64_C(1), row = l->b.n + UINT64_C(1);
	const uint64_t most = c->server->cfg.max_value / sizeof(*l->table);
	uint32_t i, j, up, left;

	if (rows > most / row) {
		pd_reply_error(&c->reply, ERR_LARGE);
		return false;
	}
	if ((l->table = calloc(rows * row, sizeof(*l->table))) == NULL) {
		pd_reply_error(&c->reply, ERR_MEMORY);
		return false;
	}
	for (i = 1; i < rows; i++) {
		for (j = 1; j < row; j++) {
			up = *cell(l, i - 1, j);
			left = *cell(l, i, j - 1);
			*cell(l, i, j) = l->a.p[i - 1] == l->b.p[j - 1]
					     ? *cell(l, i - 1, j - 1) + 1
					     : (up > left ? up : left);
		}
	}
	return true;
}

/* Step back from the pair of prefixes (*i, *j): true over a common byte. */
static bool
step_back(const struct lcs *l, uint32_t *i, uint32_t *j)
{
	if (l->a.p[*i - 1] == l->b.p[*j - 1]) {
		--*i;
		--*j;
		return true;
	}
	if (*cell(l, *i - 1, *j) > *cell(l, *i, *j - 1))
		--*i;
	else
		--*j;
	return false;
}

/* The subsequence itself. */
static void
reply_text(struct pd_client *c, const struct lcs *l)
{
	uint32_t i = l->a.n, j = l->b.n, n = *cell(l, i, j), at = n;
	uint8_t *text = malloc(n > 0 ? n : 1);

	if (text == NULL) {
		pd_reply_error(&c->reply, ERR_MEMORY);
		return;
	}
	while (at > 0)
		if (step_back(l, &i, &j))
			text[--at] = l->a.p[i];
	pd_reply_bulk(&c->reply, text, n);
	free(text);
}

/* One match: ${n} bytes from ${i} and ${j} on. 1 if it is told. */
static size_t
reply_match(struct pd_client *c, const struct lcs *l, uint32_t i, uint32_t j,
    uint32_t n)
{
	struct pd_reply *r = &c->reply;

	if (n == 0 || n < l->least)
		return 0;
	pd_reply_array(r, l->with_length ? 3 : 2);
	pd_reply_array(r, 2);
	pd_reply_int(r, i);
	pd_reply_int(r, (int64_t)i + n - 1);
	pd_reply_array(r, 2);
	pd_reply_int(r, j);
	pd_reply_int(r, (int64_t)j + n - 1);
	if (l->with_length)
		pd_reply_int(r, n);
	return 1;
}

/* The runs of common bytes, from the last to the first. */
static void
reply_index(struct pd_client *c, const struct lcs *l)
{
	uint32_t i = l->a.n, j = l->b.n, was_i, was_j, run = 0;
	size_t place, n = 0;

	pd_reply_map(&c->reply, 2);
	pd_reply_str(&c->reply, "matches");
	place = pd_reply_later(&c->reply);
	while (i > 0 && j > 0) {
		was_i = i;
		was_j = j;
		if (step_back(l, &i, &j)) {
			run++;
			continue;
		}
		n += reply_match(c, l, was_i, was_j, run);
		run = 0;
	}
	n += reply_match(c, l, i, j, run);
	pd_reply_now_array(&c->reply, place, n);
	pd_reply_str(&c->reply, "len");
	pd_reply_int(&c->reply, *cell(l, l->a.n, l->b.n));
}

static struct text
text_of(const struct pd_entry *e)
{
	struct text t = {(const uint8_t *)"", 0};

	if (e != NULL) {
		t.p = pd_entry_value(e);
		t.n = pd_entry_len(e);
	}
	return t;
}

static void
run_lcs(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct lcs l = {.least = 0};
	struct pd_key x, y;

	if (!pd_arg_key(c, &a[1], &x) || !pd_arg_key(c, &a[2], &y))
		return;
	pd_store_read(pd_server_store(c->server, &x), &x, PD_OP_GET);
	pd_store_read(pd_server_store(c->server, &y), &y, PD_OP_GET);
	/* Looked at only now: an access may change the store. */
	l.a = text_of(pd_store_peek(pd_server_store(c->server, &x), &x));
	l.b = text_of(pd_store_peek(pd_server_store(c->server, &y), &y));
	if (!parse(c, a, n, &l) || !solve(c, &l))
		return;
	if (l.idx)
		reply_index(c, &l);
	else if (l.len)
		pd_reply_int(&c->reply, *cell(&l, l.a.n, l.b.n));
	else
		reply_text(c, &l);
	free(l.table);
}

const struct pd_command pd_commands_lcs[] = {
    {.name = "lcs",
	.arity = -3,
	.flags = PD_CMD_READONLY,
	.cats = PD_CAT_STRING,
	.group = "string",
	.key = {{1, 1, 1, PD_KEY_RO | PD_KEY_ACCESS}},
	.run = run_lcs,
	.since = "7.0.0",
	.complexity = "O(N*M) where N and M are the lengths of the values",
	.summary = "The longest common subsequence of two values."},
    {.name = NULL},
};
