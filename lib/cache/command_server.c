/* Commands on the server as a whole. */

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/persist.h"
#include "cache/shard.h"

static void
run_info(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_buf b = PD_BUF_INIT;

	pd_info(c->server, a + 1, n - 1, &b);
	if (b.failed)
		pd_reply_error(&c->reply, PD_ERR_OOM);
	else
		pd_reply_text(
		    &c->reply, b.len > 0 ? (const char *)b.data : "", b.len);
	pd_buf_release(&b);
}

static void
run_time(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const uint64_t us = pd_clock_wall_us();

	(void)a;
	(void)n;
	pd_reply_array(&c->reply, 2);
	pd_reply_bulk_int(&c->reply, (int64_t)(us / 1000000));
	pd_reply_bulk_int(&c->reply, (int64_t)(us % 1000000));
}

static void
run_dbsize(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_int(&c->reply, (int64_t)pd_server_keys(c->server, c->db));
}

static void
flush(struct pd_client *c, const struct pd_arg *a, uint32_t n, int db)
{
	uint32_t i;

	if (n > 2 || (n == 2 && !pd_arg_is(&a[1], "async") &&
			 !pd_arg_is(&a[1], "sync"))) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	for (i = 0; i < c->server->nshards; i++)
		pd_store_flush(c->server->shards[i].store, db);
	malloc_trim(0);
	pd_reply_ok(&c->reply);
}

static void
run_flushdb(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	flush(c, a, n, (int)c->db);
}

static void
run_flushall(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	flush(c, a, n, -1);
}

static void
run_shutdown(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	bool abort_it = false, save = true, force = false;
	uint32_t i;

	for (i = 1; i < n; i++) {
		if (pd_arg_is(&a[i], "abort") && n == 2) {
			abort_it = true;
		} else if (pd_arg_is(&a[i], "nosave")) {
			save = false;
		} else if (pd_arg_is(&a[i], "force")) {
			force = true;
		} else if (!pd_arg_is(&a[i], "save") &&
			   !pd_arg_is(&a[i], "now")) {
			pd_reply_error(&c->reply, PD_ERR_SYNTAX);
			return;
		}
	}
	if (abort_it) {
		pd_reply_error(&c->reply, "ERR No shutdown in progress.");
		return;
	}
	pd_server_log(c->server, PD_LOG_NOTICE, "SHUTDOWN: shutting down");
	if (save && pd_persist_end(c->server) && !force) {
		pd_reply_error(
		    &c->reply, "ERR Errors trying to SHUTDOWN. Check logs.");
		return;
	}
	c->close_after = true;
	pd_server_stop(c->server);
}

static void
run_role(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_array(&c->reply, 3);
	pd_reply_str(&c->reply, "master");
	pd_reply_int(&c->reply, 0);
	pd_reply_array(&c->reply, 0);
}

static void
memory_usage(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_entry *e;
	struct pd_key k;
	int64_t samples;

	if (n > 3) {
		if (n != 5 || !pd_arg_is(&a[3], "samples")) {
			pd_reply_error(&c->reply, PD_ERR_SYNTAX);
			return;
		}
		if (!pd_arg_int(c, &a[4], &samples))
			return;
		if (samples < 0) {
			pd_reply_error(&c->reply, PD_ERR_SYNTAX);
			return;
		}
	}
	if (!pd_arg_key(c, &a[2], &k))
		return;
	if ((e = pd_store_peek(pd_server_store(c->server, &k), &k)) == NULL)
		pd_reply_null(&c->reply);
	else
		pd_reply_int(&c->reply, (int64_t)pd_store_key_bytes(
					    pd_server_store(c->server, &k), e));
}

static void
stat_line(struct pd_reply *r, const char *name, uint64_t v)
{
	pd_reply_str(r, name);
	pd_reply_int(r, (int64_t)v);
}

static void
stat_share(struct pd_reply *r, const char *name, double v)
{
	pd_reply_str(r, name);
	pd_reply_double(r, v);
}

/* What all keys take: what has come since the start, but for clients; and no
 * less than the keys and values themselves. */
static uint64_t
keys_bytes(const struct pd_server *s, const struct pd_totals *t)
{
	const uint64_t other = s->startup_bytes + t->client_bytes;
	const uint64_t n = t->memory > other ? t->memory - other : 0;

	return n > t->entry_bytes ? n : t->entry_bytes;
}

/* What one database takes of the index; expiry has no table of its own. */
static void
stat_db(struct pd_reply *r, const struct pd_totals *t, unsigned db)
{
	char name[16];

	snprintf(name, sizeof(name), "db.%u", db);
	pd_reply_str(r, name);
	pd_reply_map(r, 3);
	stat_line(r, "overhead.hashtable.main",
	    t->index_bytes * t->count[db] / t->total);
	stat_line(r, "overhead.hashtable.expires", 0);
	stat_line(r, "overhead.hashtable.slot-to-keys", 0);
}

/* With the names of Redis, parts that are not here being 0. */
static void
memory_stats(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const absent[] = {"replication.backlog",
	    "clients.slaves", "cluster.links", "aof.buffer", "lua.caches",
	    "functions.caches"};
	const struct mallinfo2 m = mallinfo2();
	uint64_t held = m.arena + m.hblkhd;
	struct pd_reply *r = &c->reply;
	const size_t place = pd_reply_later(r);
	struct pd_totals t;
	uint64_t used;
	size_t pairs = 21, i;
	unsigned db;

	(void)a;
	(void)n;
	pd_server_totals(c->server, &t);
	used = t.memory;
	held += t.page_bytes;
	stat_line(r, "peak.allocated", t.peak);
	stat_line(r, "total.allocated", used);
	stat_line(r, "startup.allocated", c->server->startup_bytes);
	for (i = 0; i < sizeof(absent) / sizeof(absent[0]); i++, pairs++)
		stat_line(r, absent[i], 0);
	stat_line(r, "clients.normal", t.client_bytes);
	for (db = 0; db < PD_STORE_DBS; db++)
		if (t.count[db] > 0) {
			stat_db(r, &t, db);
			pairs++;
		}
	stat_line(r, "overhead.total", used - t.entry_bytes);
	stat_line(r, "keys.count", t.total);
	stat_line(r, "keys.bytes-per-key",
	    t.total == 0 ? 0 : keys_bytes(c->server, &t) / t.total);
	stat_line(r, "dataset.bytes", t.entry_bytes);
	stat_share(r, "dataset.percentage",
	    used == 0 ? 0 : (double)t.entry_bytes * 100 / (double)used);
	stat_share(r, "peak.percentage",
	    t.peak == 0 ? 0 : (double)used * 100 / (double)t.peak);
	stat_line(r, "allocator.allocated",
	    m.uordblks + m.hblkhd + t.page_bytes - t.waste_bytes);
	stat_line(r, "allocator.active", held);
	stat_line(r, "allocator.resident", held);
	stat_share(r, "allocator-fragmentation.ratio",
	    t.page_bytes == t.waste_bytes
		? 1
		: (double)t.page_bytes /
		      (double)(t.page_bytes - t.waste_bytes));
	stat_line(r, "allocator-fragmentation.bytes", t.waste_bytes);
	stat_share(
	    r, "fragmentation", used == 0 ? 0 : (double)held / (double)used);
	stat_line(r, "fragmentation.bytes", held > used ? held - used : 0);
	stat_line(r, "index.bytes", t.index_bytes);
	stat_line(r, "policy.bytes", t.policy_bytes);
	stat_line(r, "context.bytes", t.context_bytes);
	stat_line(r, "ghosts.bytes", t.ghost_bytes);
	pd_reply_now_map(r, place, pairs);
}

static void
memory_doctor(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char text[] =
	    "No problem is looked for here; see MEMORY STATS.\n";

	(void)a;
	(void)n;
	pd_reply_text(&c->reply, text, sizeof(text) - 1);
}

static void
memory_purge(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	malloc_trim(0);
	pd_reply_ok(&c->reply);
}

static void
memory_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"DOCTOR",
	    "    Nothing is looked for.", "PURGE",
	    "    Give free memory back to the system.", "STATS",
	    "    Memory by use.", "USAGE <key> [SAMPLES <count>]",
	    "    Bytes that a key and its value take.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "MEMORY", lines);
}

#define R PD_CMD_READONLY
#define W PD_CMD_WRITE
#define ANYTIME (PD_CMD_LOADING | PD_CMD_STALE)
#define DEF(name_, arity_, flags_, cats_)                                      \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = (cats_), .group = "server"

static const struct pd_command memory_subs[] = {
    {DEF("doctor", 2, 0, 0), .run = memory_doctor, .since = "4.0.0",
	.complexity = "O(1)", .summary = "Nothing is looked for."},
    {DEF("help", 2, ANYTIME, 0), .run = memory_help, .since = "4.0.0",
	.complexity = "O(1)", .summary = "Help on the subcommands."},
    {DEF("purge", 2, 0, 0), .run = memory_purge, .since = "4.0.0",
	.complexity = "O(1)", .summary = "Give free memory back."},
    {DEF("stats", 2, 0, 0), .run = memory_stats, .since = "4.0.0",
	.complexity = "O(1)", .tips = "nondeterministic_output",
	.summary = "Memory by use."},
    {DEF("usage", -3, R, 0), .key = {{2, 0, 1, PD_KEY_RO}}, .run = memory_usage,
	.since = "4.0.0", .complexity = "O(1)",
	.summary = "Bytes that a key takes."},
    {.name = NULL},
};

const struct pd_command pd_commands_server[] = {
    {DEF("info", -1, ANYTIME, PD_CAT_DANGEROUS), .run = run_info,
	.since = "1.0.0", .complexity = "O(1)",
	.tips = "nondeterministic_output request_policy:all_shards "
		"response_policy:special",
	.summary = "The state of the server, as text."},
    {DEF("time", 1, ANYTIME | PD_CMD_FAST | PD_CMD_OWN, 0), .run = run_time,
	.since = "2.6.0", .complexity = "O(1)",
	.tips = "nondeterministic_output",
	.summary = "The server's clock: seconds and microseconds."},
    {DEF("dbsize", 1, R | PD_CMD_FAST, PD_CAT_KEYSPACE), .run = run_dbsize,
	.since = "1.0.0", .complexity = "O(1)",
	.tips = "request_policy:all_shards response_policy:agg_sum",
	.summary = "How many keys there are."},
    {DEF("flushdb", -1, W, PD_CAT_KEYSPACE | PD_CAT_DANGEROUS),
	.run = run_flushdb, .since = "1.0.0", .complexity = "O(N)",
	.tips = "request_policy:all_shards response_policy:all_succeeded",
	.summary = "Delete all keys of this database."},
    {DEF("flushall", -1, W, PD_CAT_KEYSPACE | PD_CAT_DANGEROUS),
	.run = run_flushall, .since = "1.0.0", .complexity = "O(N)",
	.tips = "request_policy:all_shards response_policy:all_succeeded",
	.summary = "Delete all keys."},
    {DEF("shutdown", -1,
	 PD_CMD_ADMIN | PD_CMD_NOSCRIPT | ANYTIME | PD_CMD_NO_MULTI |
	     PD_CMD_BUSY,
	 0),
	.run = run_shutdown, .since = "1.0.0", .complexity = "O(N)",
	.summary = "Stop the server."},
    {DEF("role", 1, PD_CMD_NOSCRIPT | ANYTIME | PD_CMD_FAST,
	 PD_CAT_ADMIN | PD_CAT_DANGEROUS),
	.run = run_role, .since = "2.8.12", .complexity = "O(1)",
	.summary = "Always a master without replicas."},
    {DEF("memory", -2, 0, 0), .subs = memory_subs, .since = "4.0.0",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on memory."},
    {.name = NULL},
};
