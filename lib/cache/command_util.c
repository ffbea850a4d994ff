#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cache/command_util.h"
#include "cache/large.h"

bool
pd_arg_is(const struct pd_arg *a, const char *lower)
{
	uint32_t i;

	for (i = 0; i < a->n; i++)
		if (lower[i] == '\0' ||
		    tolower((unsigned char)a->p[i]) != lower[i])
			return false;
	return lower[i] == '\0';
}

bool
pd_arg_int(struct pd_client *c, const struct pd_arg *a, int64_t *v)
{
	if (pd_parse_i64n(a->p, a->n, v) == 0)
		return true;
	pd_reply_error(&c->reply, PD_ERR_INT);
	return false;
}

char *
pd_arg_dup(const struct pd_arg *a)
{
	char *s = malloc((size_t)a->n + 1);

	if (s == NULL)
		return NULL;
	memcpy(s, a->p, a->n);
	s[a->n] = '\0';
	return s;
}

static bool
key_length_ok(struct pd_client *c, const struct pd_arg *a)
{
	if (a->n <= PD_KEY_MAX)
		return true;
	pd_reply_errorf(
	    &c->reply, "ERR key is longer than %d bytes", PD_KEY_MAX);
	return false;
}

bool
pd_arg_key_new(struct pd_client *c, const struct pd_arg *a, struct pd_key *k)
{
	if (!key_length_ok(c, a))
		return false;
	*k = pd_store_key(pd_server_first(c->server), c->db, a->p, a->n);
	return true;
}

bool
pd_args_keys_ok(
    struct pd_client *c, const struct pd_arg *a, uint32_t n, uint32_t step)
{
	uint32_t i;

	for (i = 1; i < n; i += step)
		if (!key_length_ok(c, &a[i]))
			return false;
	return true;
}

void
pd_reply_store_error(struct pd_client *c, enum pd_store_status s)
{
	const struct pd_server_config *cfg = &c->server->cfg;

	if (s == PD_STORE_MEMORY)
		pd_reply_error(&c->reply, PD_ERR_OOM);
	else if (s == PD_STORE_LARGE && cfg->maxmemory > 0 &&
		 (double)cfg->max_value >
		     (double)cfg->maxmemory * cfg->max_share)
		pd_reply_error(&c->reply, PD_ERR_SHARE);
	else
		pd_reply_error(&c->reply, PD_ERR_LARGE);
}

void
pd_tell_new(struct pd_client *c, const struct pd_key *k)
{
	if (c->server->notify & PD_NOTIFY_NEW &&
	    pd_store_peek(pd_server_store(c->server, k), k) == NULL)
		pd_notify(c->server, PD_NOTIFY_NEW, "new", k);
}

bool
pd_write_value(struct pd_client *c, const struct pd_key *k, const void *p,
    size_t n, int64_t expiry, unsigned op)
{
	const struct pd_put put = {.len = n, .expiry = expiry, .op = op};

	return pd_write_put(c, k, p, &put);
}

bool
pd_write_put(struct pd_client *c, const struct pd_key *k, const void *p,
    const struct pd_put *put)
{
	struct pd_put adopting = *put;
	enum pd_store_status st;
	uint8_t *value;

	pd_tell_new(c, k);
	adopting.adopt = pd_large_adopt(c, k, p, put);
	st = pd_store_put(pd_server_store(c->server, k), k, &adopting, &value);
	if (st != PD_STORE_OK) {
		pd_reply_store_error(c, st);
		return false;
	}
	if (adopting.adopt == NULL && put->len > 0)
		memcpy(value, p, put->len);
	return true;
}

bool
pd_arg_cost(struct pd_client *c, const struct pd_arg *a, int64_t least,
    const char *cmd, uint32_t *us)
{
	int64_t v;

	if (!pd_arg_int(c, a, &v))
		return false;
	if (v < least || v > PD_REFETCH_HINT_MOST) {
		pd_reply_errorf(
		    &c->reply, "ERR invalid cost in '%s' command", cmd);
		return false;
	}
	*us = (uint32_t)v;
	return true;
}

bool
pd_arg_expiry_option(const struct pd_arg *a, int64_t *unit_ms, bool *relative)
{
	*unit_ms = pd_arg_is(a, "ex") || pd_arg_is(a, "exat") ? 1000 : 1;
	*relative = pd_arg_is(a, "ex") || pd_arg_is(a, "px");
	return *relative || pd_arg_is(a, "exat") || pd_arg_is(a, "pxat");
}

bool
pd_arg_expiry(struct pd_client *c, const struct pd_arg *a, int64_t unit_ms,
    bool relative, const char *cmd, int64_t *ms)
{
	const int64_t now = c->worker->now_ms;

	if (!pd_arg_int(c, a, ms))
		return false;
	if (*ms <= 0 || *ms > INT64_MAX / unit_ms)
		goto invalid;
	*ms *= unit_ms;
	if (!relative)
		return true;
	if (*ms > INT64_MAX - now)
		goto invalid;
	*ms += now;
	return true;
invalid:
	pd_reply_errorf(
	    &c->reply, "ERR invalid expire time in '%s' command", cmd);
	return false;
}

void
pd_reply_help(struct pd_client *c, const char *cmd, const char *const *lines)
{
	char head[128];
	size_t n = 0;

	while (lines[n] != NULL)
		n++;
	snprintf(head, sizeof(head),
	    "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", cmd);
	pd_reply_array(&c->reply, n + 3);
	pd_reply_status(&c->reply, head);
	for (n = 0; lines[n] != NULL; n++)
		pd_reply_status(&c->reply, lines[n]);
	pd_reply_status(&c->reply, "HELP");
	pd_reply_status(&c->reply, "    Print this help.");
}

void
pd_reply_subcommand_error(
    struct pd_client *c, const struct pd_arg *sub, const char *cmd)
{
	pd_reply_errorf(&c->reply,
	    "ERR unknown subcommand or wrong number of arguments for '%.*s'. "
	    "Try %s HELP.",
	    sub->n < 128 ? (int)sub->n : 128, sub->p, cmd);
}

void
pd_reply_pair_str(struct pd_reply *r, const char *name, const char *v)
{
	pd_reply_str(r, name);
	pd_reply_str(r, v);
}

void
pd_reply_pair_int(struct pd_reply *r, const char *name, uint64_t v)
{
	pd_reply_str(r, name);
	pd_reply_int(r, (int64_t)v);
}

void
pd_reply_pair_round(struct pd_reply *r, const char *name, double v)
{
	pd_reply_str(r, name);
	pd_reply_int(r, (int64_t)(v < 0 ? v - 0.5 : v + 0.5));
}

void
pd_reply_pair_real(struct pd_reply *r, const char *name, double v)
{
	char text[40];

	if (isnan(v))
		snprintf(text, sizeof(text), "nan");
	else
		snprintf(text, sizeof(text), "%.6g", v);
	pd_reply_pair_str(r, name, text);
}
