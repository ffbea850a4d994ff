/* SUBSCRIBE, PUBLISH and PUBSUB (pubsub.c). */

#include <string.h>

#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/pubsub.h"

static const struct {
	const char *in;
	const char *out;
} words[PD_SUB_KINDS] = {
    {"subscribe", "unsubscribe"},
    {"psubscribe", "punsubscribe"},
    {"ssubscribe", "sunsubscribe"},
};

/* Shard channels are counted apart. */
static int64_t
subscriptions(const struct pd_client *c, enum pd_sub_kind kind)
{
	if (kind == PD_SUB_SHARD)
		return c->subs[PD_SUB_SHARD].n;
	return (int64_t)c->subs[PD_SUB_CHANNEL].n + c->subs[PD_SUB_PATTERN].n;
}

/* Confirm a change, after which there are ${count} subscriptions. It is a
 * message: CLIENT REPLY does not silence it. */
static void
confirm(struct pd_client *c, const char *what, const char *name, size_t n,
    int64_t count)
{
	const bool mute = c->reply.mute;

	c->reply.mute = false;
	pd_reply_push(&c->reply, 3);
	pd_reply_str(&c->reply, what);
	if (name == NULL)
		pd_reply_null(&c->reply);
	else
		pd_reply_bulk(&c->reply, name, n);
	pd_reply_int(&c->reply, count);
	c->reply.mute = mute;
}

static void
subscribe(struct pd_client *c, const struct pd_arg *a, uint32_t n,
    enum pd_sub_kind kind)
{
	uint32_t i;

	for (i = 1; i < n; i++) {
		if (pd_subscribe(c, kind, a[i].p, a[i].n) < 0) {
			pd_reply_error(&c->reply, PD_ERR_OOM);
			return;
		}
		confirm(
		    c, words[kind].in, a[i].p, a[i].n, subscriptions(c, kind));
	}
}

static void
unsubscribe(struct pd_client *c, const struct pd_arg *a, uint32_t n,
    enum pd_sub_kind kind)
{
	const struct pd_subs *subs = &c->subs[kind];
	const struct pd_topic *t;
	uint32_t i;

	for (i = 1; i < n; i++) {
		pd_unsubscribe(c, kind, a[i].p, a[i].n);
		confirm(
		    c, words[kind].out, a[i].p, a[i].n, subscriptions(c, kind));
	}
	if (n > 1)
		return;
	if (subs->n == 0)
		confirm(c, words[kind].out, NULL, 0, subscriptions(c, kind));
	while (subs->n > 0) {
		t = subs->first->topic;
		confirm(c, words[kind].out, t->name, t->name_len,
		    subscriptions(c, kind) - 1);
		pd_unsubscribe(c, kind, t->name, t->name_len);
	}
}

static void
run_subscribe(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	subscribe(c, a, n, PD_SUB_CHANNEL);
}

static void
run_psubscribe(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	subscribe(c, a, n, PD_SUB_PATTERN);
}

static void
run_ssubscribe(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	subscribe(c, a, n, PD_SUB_SHARD);
}

static void
run_unsubscribe(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	unsubscribe(c, a, n, PD_SUB_CHANNEL);
}

static void
run_punsubscribe(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	unsubscribe(c, a, n, PD_SUB_PATTERN);
}

static void
run_sunsubscribe(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	unsubscribe(c, a, n, PD_SUB_SHARD);
}

static void
run_publish(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	pd_reply_int(&c->reply, pd_publish(c->server, PD_SUB_CHANNEL, a[1].p,
				    a[1].n, a[2].p, a[2].n, c->in_exec));
}

static void
run_spublish(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	pd_reply_int(&c->reply, pd_publish(c->server, PD_SUB_SHARD, a[1].p,
				    a[1].n, a[2].p, a[2].n, c->in_exec));
}

/* Names with listeners, those that match word 2 if there is one. */
static void
channels(struct pd_client *c, const struct pd_arg *a, uint32_t n,
    enum pd_sub_kind kind)
{
	const struct pd_pubsub *p = c->server->pubsub;
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_topic *t;
	size_t found = 0;
	uint32_t i;

	if (n > 3) {
		pd_reply_subcommand_error(c, &a[1], "PUBSUB");
		return;
	}
	for (i = 0; i < p->buckets; i++)
		for (t = p->bucket[i]; t != NULL; t = t->next) {
			if (t->kind != kind ||
			    (n == 3 && !pd_glob_match(a[2].p, a[2].n, t->name,
					   t->name_len)))
				continue;
			pd_reply_bulk(&c->reply, t->name, t->name_len);
			found++;
		}
	pd_reply_now_array(&c->reply, place, found);
}

static void
numbers(struct pd_client *c, const struct pd_arg *a, uint32_t n,
    enum pd_sub_kind kind)
{
	const struct pd_topic *t;
	uint32_t i;

	pd_reply_array(&c->reply, (size_t)(n - 2) * 2);
	for (i = 2; i < n; i++) {
		t = pd_topic_find(c->server->pubsub, kind, a[i].p, a[i].n);
		pd_reply_bulk(&c->reply, a[i].p, a[i].n);
		pd_reply_int(&c->reply, t == NULL ? 0 : t->nclients);
	}
}

static void
pubsub_channels(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	channels(c, a, n, PD_SUB_CHANNEL);
}

static void
pubsub_shardchannels(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	channels(c, a, n, PD_SUB_SHARD);
}

static void
pubsub_numsub(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	numbers(c, a, n, PD_SUB_CHANNEL);
}

static void
pubsub_shardnumsub(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	numbers(c, a, n, PD_SUB_SHARD);
}

static void
pubsub_numpat(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_int(&c->reply, c->server->pubsub->count[PD_SUB_PATTERN]);
}

static void
pubsub_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"CHANNELS [<pattern>]",
	    "    Channels that somebody listens to.", "NUMPAT",
	    "    How many patterns are listened to.", "NUMSUB [<channel> ...]",
	    "    How many listen to each channel.", "SHARDCHANNELS [<pattern>]",
	    "    The same for shard channels.", "SHARDNUMSUB [<channel> ...]",
	    "    The same for shard channels.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "PUBSUB", lines);
}

#define ANYTIME (PD_CMD_PUBSUB | PD_CMD_LOADING | PD_CMD_STALE)
#define LISTEN (ANYTIME | PD_CMD_NOSCRIPT | PD_CMD_SUBSCRIBER)
#define SEND (ANYTIME | PD_CMD_FAST)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_), .group = "pubsub"
#define SHARDS(last) .key = {{1, (last), 1, PD_KEY_NOT_KEY}}

static const struct pd_command subs[] = {
    {DEF("channels", -2, ANYTIME), .run = pubsub_channels, .since = "2.8.0",
	.complexity = "O(N)", .summary = "Channels that are listened to."},
    {DEF("help", 2, PD_CMD_LOADING | PD_CMD_STALE), .run = pubsub_help,
	.since = "6.2.0", .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("numpat", 2, ANYTIME), .run = pubsub_numpat, .since = "2.8.0",
	.complexity = "O(1)", .summary = "How many patterns are listened to."},
    {DEF("numsub", -2, ANYTIME), .run = pubsub_numsub, .since = "2.8.0",
	.complexity = "O(N)", .summary = "How many listen to channels."},
    {DEF("shardchannels", -2, ANYTIME), .run = pubsub_shardchannels,
	.since = "7.0.0", .complexity = "O(N)",
	.summary = "Shard channels that are listened to."},
    {DEF("shardnumsub", -2, ANYTIME), .run = pubsub_shardnumsub,
	.since = "7.0.0", .complexity = "O(N)",
	.summary = "How many listen to shard channels."},
    {.name = NULL},
};

const struct pd_command pd_commands_pubsub[] = {
    {DEF("subscribe", -2, LISTEN), .run = run_subscribe, .since = "2.0.0",
	.complexity = "O(N)", .channels = PD_CHANNELS_ALL,
	.summary = "Listen to channels."},
    {DEF("unsubscribe", -1, LISTEN), .run = run_unsubscribe, .since = "2.0.0",
	.complexity = "O(N)", .summary = "Listen to channels no more."},
    {DEF("psubscribe", -2, LISTEN), .run = run_psubscribe, .since = "2.0.0",
	.complexity = "O(N)", .channels = PD_CHANNELS_PATTERNS,
	.summary = "Listen to channels that match patterns."},
    {DEF("punsubscribe", -1, LISTEN), .run = run_punsubscribe, .since = "2.0.0",
	.complexity = "O(N+M)", .summary = "Listen to patterns no more."},
    {DEF("ssubscribe", -2, LISTEN), SHARDS(-1), .run = run_ssubscribe,
	.since = "7.0.0", .complexity = "O(N)", .channels = PD_CHANNELS_ALL,
	.summary = "Listen to shard channels."},
    {DEF("sunsubscribe", -1, LISTEN), SHARDS(-1), .run = run_sunsubscribe,
	.since = "7.0.0", .complexity = "O(N)",
	.summary = "Listen to shard channels no more."},
    {DEF("publish", 3, SEND), .run = run_publish, .since = "2.0.0",
	.complexity = "O(N+M)", .channels = PD_CHANNELS_FIRST,
	.summary = "Send a message to a channel."},
    {DEF("spublish", 3, SEND), SHARDS(0), .run = run_spublish, .since = "7.0.0",
	.complexity = "O(N)", .channels = PD_CHANNELS_FIRST,
	.summary = "Send a message to a shard channel."},
    {DEF("pubsub", -2, 0), .subs = subs, .since = "2.8.0",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on what is listened to."},
    {.name = NULL},
};
