/* PREDIS.HINT: what a client knows of a key and the server cannot see. */

#include "cache/command_table.h"
#include "cache/command_util.h"

/* PREDIS.HINT key [COST microseconds] */
static void
run_hint(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_store *st;
	struct pd_key k;
	uint32_t us;

	if (n != 2 && (n != 4 || !pd_arg_is(&a[2], "cost"))) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	if (n == 4 && !pd_arg_cost(c, &a[3], 0, "predis.hint", &us))
		return;
	if (!pd_arg_key(c, &a[1], &k))
		return;
	st = pd_server_store(c->server, &k);
	if (n == 4)
		pd_reply_int(&c->reply, pd_store_hint(st, &k, us));
	else if ((us = pd_store_cost(st, &k)) != 0)
		pd_reply_int(&c->reply, us);
	else
		pd_reply_null(&c->reply);
}

const struct pd_command pd_commands_hint[] = {
    {.name = "predis.hint",
	.arity = -2,
	.flags = PD_CMD_READONLY | PD_CMD_FAST,
	.cats = PD_CAT_PREDIS,
	.group = "predis",
	.since = "0.1.0",
	.key = {{1, 0, 1, PD_KEY_RW}},
	.run = run_hint,
	.complexity = "O(1)",
	.summary = "Tell or ask what fetching a key again costs."},
    {.name = NULL},
};
