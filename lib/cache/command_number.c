/* Commands that take a value for a number. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "data/event.h"

#define FLOAT_MAX_TEXT 5120 /* as long as Redis reads */

static void
incr_by(struct pd_client *c, const struct pd_arg *key, int64_t by)
{
	struct pd_entry *e;
	struct pd_key k;
	int64_t v = 0;
	char text[24];

	if (!pd_arg_key(c, key, &k))
		return;
	e = pd_store_peek(pd_server_store(c->server, &k), &k);
	if (e != NULL && pd_parse_i64n((const char *)pd_entry_value(e),
			     pd_entry_len(e), &v)) {
		pd_reply_error(&c->reply, PD_ERR_INT);
		return;
	}
	if (__builtin_add_overflow(v, by, &v)) {
		pd_reply_error(
		    &c->reply, "ERR increment or decrement would overflow");
		return;
	}
	snprintf(text, sizeof(text), "%lld", (long long)v);
	if (!pd_write_value(
		c, &k, text, strlen(text), PD_EXPIRY_KEEP, PD_OP_UPDATE))
		return;
	pd_tell(c, PD_NOTIFY_STRING, "incrby", &k);
	pd_reply_int(&c->reply, v);
}

static void
run_incr(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	incr_by(c, &a[1], 1);
}

static void
run_decr(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	incr_by(c, &a[1], -1);
}

static void
run_incrby(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	int64_t by;

	(void)n;
	if (pd_arg_int(c, &a[2], &by))
		incr_by(c, &a[1], by);
}

static void
run_decrby(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	int64_t by;

	(void)n;
	if (!pd_arg_int(c, &a[2], &by))
		return;
	if (by == INT64_MIN)
		pd_reply_error(&c->reply, "ERR decrement would overflow");
	else
		incr_by(c, &a[1], -by);
}

/* A finite number of a whole word, as strtold() reads it. */
static int
parse_float(const char *p, size_t n, long double *v)
{
	char text[FLOAT_MAX_TEXT], *end;

	if (n == 0 || n >= sizeof(text))
		return -1;
	memcpy(text, p, n);
	text[n] = '\0';
	if (strchr(" \t\n\v\f\r", text[0]) != NULL)
		return -1;
	errno = 0;
	*v = strtold(text, &end);
	if (end != text + n || isnan(*v) ||
	    (errno == ERANGE && (isinf(*v) || fpclassify(*v) == FP_ZERO)))
		return -1;
	return 0;
}

/* As Redis writes it: 17 digits behind the point, zeros at the end cut. */
static size_t
format_float(long double v, char *text, size_t cap)
{
	size_t n = (size_t)snprintf(text, cap, "%.17Lf", v);

	if (n >= cap)
		return 0;
	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	if (n == 2 && text[0] == '-' && text[1] == '0') {
		text[0] = '0';
		n = 1;
	}
	return n;
}

static void
run_incrbyfloat(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	char text[5200]; /* of the largest long double */
	long double v = 0, by;
	struct pd_entry *e;
	struct pd_key k;
	size_t len;

	(void)n;
	if (!pd_arg_key(c, &a[1], &k))
		return;
	e = pd_store_peek(pd_server_store(c->server, &k), &k);
	if ((e != NULL && parse_float((const char *)pd_entry_value(e),
			      pd_entry_len(e), &v)) ||
	    parse_float(a[2].p, a[2].n, &by)) {
		pd_reply_error(&c->reply, "ERR value is not a valid float");
		return;
	}
	v += by;
	if (isnan(v) || isinf(v)) {
		pd_reply_error(
		    &c->reply, "ERR increment would produce NaN or Infinity");
		return;
	}
	len = format_float(v, text, sizeof(text));
	if (!pd_write_value(c, &k, text, len, PD_EXPIRY_KEEP, PD_OP_UPDATE))
		return;
	pd_tell(c, PD_NOTIFY_STRING, "incrbyfloat", &k);
	pd_reply_bulk(&c->reply, text, len);
}

#define W PD_CMD_WRITE
#define M PD_CMD_DENYOOM
#define F PD_CMD_FAST
#define DEF(name_, arity_)                                                     \
	.name = (name_), .arity = (arity_), .flags = W | M | F,                \
	.cats = PD_CAT_STRING, .group = "string", .complexity = "O(1)",        \
	.key = {{1, 0, 1, PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE}}

const struct pd_command pd_commands_number[] = {
    {DEF("incr", 2), .run = run_incr, .since = "1.0.0",
	.summary = "Add one to a whole number."},
    {DEF("decr", 2), .run = run_decr, .since = "1.0.0",
	.summary = "Take one from a whole number."},
    {DEF("incrby", 3), .run = run_incrby, .since = "1.0.0",
	.summary = "Add to a whole number."},
    {DEF("decrby", 3), .run = run_decrby, .since = "1.0.0",
	.summary = "Take from a whole number."},
    {DEF("incrbyfloat", 3), .run = run_incrbyfloat, .since = "2.6.0",
	.summary = "Add to a decimal number."},
    {.name = NULL},
};
