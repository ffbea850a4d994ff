/* SAVE, BGSAVE and LASTSAVE, and the options of snapshots. */

#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/persist.h"

static void
run_save(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_err err = PD_ERR_INIT;

	(void)a;
	(void)n;
	if (pd_persist_now(c->server, &err))
		pd_reply_errorf(&c->reply, "ERR %s", err.msg);
	else
		pd_reply_ok(&c->reply);
}

static void
run_bgsave(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_err err = PD_ERR_INIT;

	if (n > 2 || (n == 2 && !pd_arg_is(&a[1], "schedule")))
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
	else if (pd_persist_background(c->server, &err))
		pd_reply_errorf(&c->reply, "ERR %s", err.msg);
	else
		pd_reply_status(&c->reply, "Background saving started");
}

static void
run_lastsave(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_int(&c->reply, (int64_t)pd_persist_last(c->server));
}

static void
get_file(const struct pd_server *s, struct pd_buf *b)
{
	pd_buf_addstr(b, s->cfg.snapshot != NULL ? s->cfg.snapshot : "");
}

static void
get_interval(const struct pd_server *s, struct pd_buf *b)
{
	pd_buf_printf(b, "%llu",
	    (unsigned long long)(s->cfg.snapshot_interval_us / 1000000));
}

static int
set_interval(struct pd_server *s, const char *v, struct pd_err *err)
{
	uint64_t us;

	if (pd_parse_duration(v, &us, err))
		return -1;
	if (us > 0 && us < 1000000)
		return pd_err_set(err, "argument must be 0, or 1s or more");
	s->cfg.snapshot_interval_us = us;
	return 0;
}

static void
get_max_bytes(const struct pd_server *s, struct pd_buf *b)
{
	pd_buf_printf(b, "%llu", (unsigned long long)s->cfg.snapshot_max_bytes);
}

static int
set_max_bytes(struct pd_server *s, const char *v, struct pd_err *err)
{
	return pd_parse_size(v, &s->cfg.snapshot_max_bytes, err);
}

static void
get_compress(const struct pd_server *s, struct pd_buf *b)
{
	pd_buf_addstr(b, s->cfg.snapshot_compress ? "yes" : "no");
}

static int
set_compress(struct pd_server *s, const char *v, struct pd_err *err)
{
	if (strcasecmp(v, "yes") != 0 && strcasecmp(v, "no") != 0)
		return pd_err_set(err, "argument must be 'yes' or 'no'");
	s->cfg.snapshot_compress = strcasecmp(v, "yes") == 0;
	return 0;
}

/* The file itself is not for clients to choose. */
const struct pd_setting pd_settings_snapshot[] = {
    {"snapshot", get_file, NULL},
    {"snapshot-compress", get_compress, set_compress},
    {"snapshot-interval", get_interval, set_interval},
    {"snapshot-max-bytes", get_max_bytes, set_max_bytes},
    {NULL, NULL, NULL},
};

#define ADMIN (PD_CMD_ADMIN | PD_CMD_NOSCRIPT | PD_CMD_NO_ASYNC_LOADING)

const struct pd_command pd_commands_snapshot[] = {
    {.name = "save",
	.arity = 1,
	.flags = ADMIN | PD_CMD_NO_MULTI,
	.group = "server",
	.run = run_save,
	.since = "1.0.0",
	.complexity = "O(N)",
	.summary = "Write a snapshot, and wait for it."},
    {.name = "bgsave",
	.arity = -1,
	.flags = ADMIN,
	.group = "server",
	.run = run_bgsave,
	.since = "1.0.0",
	.complexity = "O(1)",
	.summary = "Write a snapshot in the background."},
    {.name = "lastsave",
	.arity = 1,
	.flags = PD_CMD_LOADING | PD_CMD_STALE | PD_CMD_FAST,
	.cats = PD_CAT_ADMIN | PD_CAT_DANGEROUS,
	.group = "server",
	.run = run_lastsave,
	.since = "1.0.0",
	.complexity = "O(1)",
	.tips = "nondeterministic_output",
	.summary = "When a snapshot was written last, or the start."},
    {.name = NULL},
};
