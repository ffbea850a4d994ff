/*
 * What clients ask to find out whether this is a node of a cluster: the
 * answers of a Redis that is none.
 */

#include "cache/command_table.h"
#include "cache/command_util.h"

static void
run_no_cluster(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_error(
	    &c->reply, "ERR This instance has cluster support disabled");
}

#define DEF(name_, arity_, flags_, group_)                                     \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.run = run_no_cluster, .group = (group_), .complexity = "O(1)"
#define STALE (PD_CMD_LOADING | PD_CMD_STALE)

const struct pd_command pd_commands_cluster[] = {
    {DEF("cluster", -2, 0, "cluster"), .since = "3.0.0",
	.summary = "Says that this is no node of a cluster."},
    {DEF("readonly", 1, PD_CMD_FAST | STALE, "cluster"),
	.cats = PD_CAT_CONNECTION, .since = "3.0.0",
	.summary = "For replicas in a cluster; says that this is none."},
    {DEF("readwrite", 1, PD_CMD_FAST | STALE, "cluster"),
	.cats = PD_CAT_CONNECTION, .since = "3.0.0",
	.summary = "For replicas in a cluster; says that this is none."},
    {DEF("asking", 1, PD_CMD_FAST, "cluster"), .cats = PD_CAT_CONNECTION,
	.since = "3.0.0",
	.summary = "For nodes of a cluster; says that this is none."},
    {.name = NULL},
};
