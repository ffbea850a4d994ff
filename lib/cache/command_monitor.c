/* MONITOR: every command as it runs, or a part of them (monitor.c). */

#include <stdlib.h>

#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/monitor.h"

/* "PERCENT p": a share of the keys. */
static bool
parse_percent(const struct pd_arg *a, double *share)
{
	char *text = pd_arg_dup(a);
	const bool ok = text != NULL &&
			pd_parse_double(text, share, NULL) == 0 && *share > 0 &&
			*share <= 100;

	free(text);
	*share /= 100;
	return ok;
}

static void
run_monitor(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_arg *prefix = NULL;
	double share = 1;
	uint32_t i;

	if (c->in_exec) {
		pd_reply_error(&c->reply,
		    "ERR MONITOR isn't allowed for DENY BLOCKING client");
		return;
	}
	for (i = 1; i < n; i += 2) {
		if (i + 1 < n && pd_arg_is(&a[i], "prefix")) {
			prefix = &a[i + 1];
		} else if (i + 1 < n && pd_arg_is(&a[i], "percent")) {
			if (!parse_percent(&a[i + 1], &share)) {
				pd_reply_error(&c->reply,
				    "ERR percent must be above 0, up to 100");
				return;
			}
		} else {
			pd_reply_error(&c->reply, PD_ERR_SYNTAX);
			return;
		}
	}
	if (pd_monitor_start(c, share, prefix == NULL ? "" : prefix->p,
		prefix == NULL ? 0 : prefix->n)) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	}
	pd_reply_ok(&c->reply);
}

const struct pd_command pd_commands_monitor[] = {
    {.name = "monitor",
	.arity = -1,
	.flags = PD_CMD_ADMIN | PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE,
	.group = "server",
	.run = run_monitor,
	.since = "1.0.0",
	.complexity = "O(1)",
	.summary = "Be told every command, or PERCENT of the keys, or those "
		   "with a PREFIX."},
    {.name = NULL},
};
