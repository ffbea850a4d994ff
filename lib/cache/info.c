/* INFO: the state of the server as text, in sections. */

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_util.h"
#include "cache/lock.h"
#include "cache/persist.h"
#include "cache/policy.h"
#include "cache/pubsub.h"
#include "cache/server.h"
#include "cache/shard.h"
#include "cache/tap.h"
#include "cache/tapserve.h"
#include "io/fd.h"
#include "model/model.h"

#define LINE(name_, ...)                                                       \
	(pd_buf_printf(b, name_ ":" __VA_ARGS__), pd_buf_addstr(b, "\r\n"))
#define U64(name_, v_) LINE(name_, "%llu", (unsigned long long)(v_))

static void
info_server(struct pd_server *s, struct pd_buf *b)
{
	const uint64_t up = (s->holder->now_us - s->started_us) / 1000000;
	struct utsname u;

	LINE("redis_version", "%s", PD_COMPAT_VERSION);
	LINE("predis_version", "%s", PD_VERSION);
	LINE("redis_mode", "standalone");
	if (uname(&u) == 0)
		LINE("os", "%s %s %s", u.sysname, u.release, u.machine);
	LINE("arch_bits", "%zu", sizeof(void *) * 8);
	LINE("multiplexing_api", "epoll");
	LINE("process_id", "%ld", (long)getpid());
	LINE("run_id", "%s", s->runid);
	LINE("tcp_port", "%u", s->port);
	U64("server_time_usec", s->holder->now_us);
	U64("uptime_in_seconds", up);
	U64("uptime_in_days", up / 86400);
	LINE("threads", "%u", s->nworkers);
	LINE("shards", "%u", s->nshards);
	LINE("hz", "10");
	LINE("configured_hz", "10");
}

static void
info_clients(struct pd_server *s, struct pd_buf *b)
{
	const struct pd_client *c;
	size_t in = 0, out = 0, n;

	for (c = pd_server_client(s, NULL); c != NULL;
	     c = pd_server_client(s, c)) {
		n = pd_client_input(c);
		in = n > in ? n : in;
		n = pd_client_output(c);
		out = n > out ? n : out;
	}
	U64("connected_clients", s->nclients);
	LINE("cluster_connections", "0");
	U64("maxclients", s->cfg.maxclients);
	LINE("client_recent_max_input_buffer", "%zu", in);
	LINE("client_recent_max_output_buffer", "%zu", out);
	LINE("blocked_clients", "0");
	LINE("tracking_clients", "0");
	LINE("clients_in_timeout_table", "0");
}

static void
human(struct pd_buf *b, const char *name, uint64_t v)
{
	static const char units[] = "BKMGT";
	double d = (double)v;
	unsigned u = 0;

	for (; d >= 1024 && u < 4; u++)
		d /= 1024;
	pd_buf_printf(
	    b, u == 0 ? "%s:%.0f%c\r\n" : "%s:%.2f%c\r\n", name, d, units[u]);
}

/* Resident memory of the process, in bytes. */
static uint64_t
rss(const struct pd_server *s)
{
	struct pd_buf b = PD_BUF_INIT;
	uint64_t pages = 0;
	struct pd_worker *const w = s->holder;
	const char *second;
	bool out;
	int r;

	out = pd_worker_out(w);
	r = pd_read_file("/proc/self/statm", 4096, &b, NULL);
	pd_worker_in(w, out);
	/* The second number of statm. */
	if (r == 0 && pd_buf_cstr(&b) != NULL &&
	    (second = strchr((const char *)b.data, ' ')) != NULL)
		pages = strtoull(second, NULL, 10);
	pd_buf_release(&b);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Lines that tell one number each of a struct. */
struct row {
	const char *name;
	size_t at;
};

static void
add_rows(struct pd_buf *b, const struct row *row, size_t n, const void *from)
{
	uint64_t v;
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(&v, (const char *)from + row[i].at, sizeof(v));
		pd_buf_printf(
		    b, "%s:%llu\r\n", row[i].name, (unsigned long long)v);
	}
}

#define ROWS(rows_, from_)                                                     \
	add_rows(b, (rows_), sizeof(rows_) / sizeof((rows_)[0]), (from_))

#define OF(name_, member_)                                                     \
	{                                                                      \
		name_, offsetof(struct pd_totals, member_)                     \
	}

static const struct row memory_rows[] = {
    OF("used_memory_dataset", entry_bytes),
    OF("used_memory_entries", entry_bytes),
    OF("used_memory_waste", waste_bytes),
    OF("used_memory_index", index_bytes),
    OF("used_memory_slots", slots_bytes),
    OF("used_memory_policy", policy_bytes),
    OF("used_memory_context", context_bytes),
    OF("used_memory_ghosts", ghost_bytes),
    OF("used_memory_eviction_log", eviction_log_bytes),
    OF("used_memory_clients", client_bytes),
};

#undef OF

static void
info_memory(struct pd_server *s, struct pd_buf *b)
{
	const uint64_t r = rss(s);
	struct pd_totals t;
	uint64_t used;

	pd_server_totals(s, &t);
	used = t.memory;
	U64("used_memory", used);
	human(b, "used_memory_human", used);
	U64("used_memory_rss", r);
	human(b, "used_memory_rss_human", r);
	U64("used_memory_peak", t.peak);
	human(b, "used_memory_peak_human", t.peak);
	U64("used_memory_overhead", used - t.entry_bytes);
	U64("used_memory_startup", s->startup_bytes);
	ROWS(memory_rows, &t);
	U64("mem_not_counted_for_evict", s->above);
	U64("used_memory_pubsub", pd_pubsub_memory(s->pubsub));
	U64("used_memory_slowlog", pd_slowlog_memory(&s->slowlog));
	U64("used_memory_acl", pd_acl_memory(s->acl));
	U64("used_memory_latency", pd_latency_memory(&s->latency));
	U64("used_memory_tap",
	    t.tap_bytes +
		(s->tapserver ? pd_tapserver_memory(s->tapserver) : 0));
	U64("maxmemory", s->cfg.maxmemory);
	human(b, "maxmemory_human", s->cfg.maxmemory);
	pd_buf_addstr(b, "maxmemory_policy:");
	pd_maxmemory_policy(s, b);
	pd_buf_addstr(b, "\r\n");
	U64("allocator_allocated", used - t.waste_bytes);
	U64("allocator_active", used);
	U64("allocator_resident", r);
	LINE("allocator_frag_ratio", "%.2f",
	    (double)used / (double)(used - t.waste_bytes));
	U64("allocator_frag_bytes", t.waste_bytes);
	LINE("allocator_rss_ratio", "%.2f", (double)r / (double)used);
	LINE("allocator_rss_bytes", "%lld", (long long)(r - used));
	LINE("mem_fragmentation_ratio", "%.2f", (double)r / (double)used);
	LINE("mem_fragmentation_bytes", "%lld", (long long)(r - used));
	LINE("mem_allocator", "libc");
	LINE("active_defrag_running", "%d", t.moving);
	LINE("lazyfree_pending_objects", "0");
}

static void
info_persistence(struct pd_server *s, struct pd_buf *b)
{
	pd_persist_info(s, b);
}

#define OF(name_, member_)                                                     \
	{                                                                      \
		name_, offsetof(struct pd_stats, member_)                      \
	}

static const struct row traffic_rows[] = {
    OF("total_net_input_bytes", net_input_bytes),
    OF("total_net_output_bytes", net_output_bytes),
    OF("rejected_connections", connections_rejected),
    OF("expired_keys", expired),
    OF("evicted_keys", evicted),
    OF("evicted_clients", clients_evicted),
    OF("keyspace_hits", hits),
    OF("keyspace_misses", misses),
};

static const struct row error_rows[] = {
    OF("total_error_replies", error_replies),
    OF("acl_access_denied_auth", auth_failures),
    OF("acl_access_denied_cmd", acl_denied_commands),
    OF("acl_access_denied_key", acl_denied_keys),
    OF("acl_access_denied_channel", acl_denied_channels),
};

#undef OF

static void
info_stats(struct pd_server *s, struct pd_buf *b)
{
	struct pd_stats sum;

	pd_server_stats(s, &sum);
	U64("total_connections_received", sum.connections_received);
	U64("total_commands_processed", sum.commands_processed);
	U64("instantaneous_ops_per_sec", s->ops_a_second);
	ROWS(traffic_rows, &sum);
	U64("pubsub_channels", s->pubsub->count[PD_SUB_CHANNEL]);
	U64("pubsub_patterns", s->pubsub->count[PD_SUB_PATTERN]);
	U64("pubsubshard_channels", s->pubsub->count[PD_SUB_SHARD]);
	LINE("latest_fork_usec", "0");
	U64("unexpected_error_replies", 0);
	ROWS(error_rows, &sum);
}

static void
info_replication(struct pd_server *s, struct pd_buf *b)
{
	LINE("role", "master");
	LINE("connected_slaves", "0");
	LINE("master_failover_state", "no-failover");
	LINE("master_replid", "%s", s->runid);
	LINE("master_repl_offset", "0");
	LINE("repl_backlog_active", "0");
}

static void
info_cpu(struct pd_server *s, struct pd_buf *b)
{
	struct rusage u;

	(void)s;
	if (getrusage(RUSAGE_SELF, &u))
		return;
	LINE("used_cpu_sys", "%ld.%06ld", (long)u.ru_stime.tv_sec,
	    (long)u.ru_stime.tv_usec);
	LINE("used_cpu_user", "%ld.%06ld", (long)u.ru_utime.tv_sec,
	    (long)u.ru_utime.tv_usec);
}

static void
command_line(
    const struct pd_server *s, struct pd_buf *b, const struct pd_cmd *cmd)
{
	struct pd_cmd_count n;
	double us;

	pd_command_counted(s, cmd, &n);
	us = (double)n.ticks * (double)s->workers->timing.mult / 4294967296.0 /
	     1000;
	if (n.calls == 0 && n.rejected == 0)
		return;
	pd_buf_printf(b,
	    "cmdstat_%s:calls=%llu,usec=%.0f,usec_per_call=%.2f,"
	    "rejected_calls=%llu,failed_calls=%llu\r\n",
	    cmd->full, (unsigned long long)n.calls, us,
	    n.calls == 0 ? 0 : us / (double)n.calls,
	    (unsigned long long)n.rejected, (unsigned long long)n.failed);
}

static void
info_commandstats(struct pd_server *s, struct pd_buf *b)
{
	const struct pd_cmd *cmd;
	size_t i;
	uint32_t k;

	for (i = 0; (cmd = pd_commands_at(s->commands, i)) != NULL; i++) {
		command_line(s, b, cmd);
		for (k = 0; k < cmd->nsubs; k++)
			command_line(s, b, &cmd->subs[k]);
	}
}

static void
latency_line(
    const struct pd_server *s, struct pd_buf *b, const struct pd_cmd *cmd)
{
	struct pd_cmd_count n;
	unsigned i;

	pd_command_counted(s, cmd, &n);
	for (i = 0; i < PD_LATENCY_BUCKETS && n.took[i] == 0; i++)
		;
	if (i == PD_LATENCY_BUCKETS)
		return;
	pd_buf_printf(b, "latency_percentiles_usec_%s:", cmd->full);
	for (i = 0; i < s->npercentiles; i++)
		pd_buf_printf(b, "%sp%g=%.3f", i == 0 ? "" : ",",
		    s->percentile[i],
		    pd_latency_quantile(n.took, s->percentile[i] / 100));
	pd_buf_addstr(b, "\r\n");
}

static void
info_latencystats(struct pd_server *s, struct pd_buf *b)
{
	const struct pd_cmd *cmd;
	size_t i;

	for (i = 0; (cmd = pd_commands_id(s->commands, i)) != NULL; i++)
		latency_line(s, b, cmd);
}

/* How often all loops answered an error. */
static uint64_t
errors_of(const struct pd_server *s, const char *code)
{
	const struct pd_worker *w;
	uint64_t n = 0;
	unsigned i, k;

	for (i = 0; i < s->nworkers; i++) {
		w = &s->workers[i];
		for (k = 0; k < w->nerrorstat; k++)
			if (strcmp(w->errorstat[k].code, code) == 0)
				n += w->errorstat[k].count;
	}
	return n;
}

/* Did a loop before loop ${i} answer it? */
static bool
told_before(const struct pd_server *s, unsigned i, const char *code)
{
	unsigned k;

	while (i-- > 0)
		for (k = 0; k < s->workers[i].nerrorstat; k++)
			if (strcmp(s->workers[i].errorstat[k].code, code) == 0)
				return true;
	return false;
}

static void
info_errorstats(struct pd_server *s, struct pd_buf *b)
{
	const char *code;
	unsigned i, k;

	for (i = 0; i < s->nworkers; i++)
		for (k = 0; k < s->workers[i].nerrorstat; k++) {
			code = s->workers[i].errorstat[k].code;
			if (!told_before(s, i, code))
				pd_buf_printf(b, "errorstat_%s:count=%llu\r\n",
				    code,
				    (unsigned long long)errors_of(s, code));
		}
}

static void
info_cluster(struct pd_server *s, struct pd_buf *b)
{
	(void)s;
	LINE("cluster_enabled", "0");
}

static void
info_keyspace(struct pd_server *s, struct pd_buf *b)
{
	struct pd_totals t;
	unsigned i;

	pd_server_totals(s, &t);
	for (i = 0; i < PD_STORE_DBS; i++)
		if (t.count[i] > 0)
			pd_buf_printf(b,
			    "db%u:keys=%llu,expires=%llu,avg_ttl=0\r\n", i,
			    (unsigned long long)t.count[i],
			    (unsigned long long)t.expiring[i]);
}

/* A policy that selects among others. */
static void
info_selector(const struct pd_selector_stats *ss, struct pd_buf *b)
{
	struct pd_selector_value value[PD_SELECTOR_VALUES];
	unsigned i, n;

	n = pd_selector_values(ss, value);
	LINE("selector_ruling", "%s", ss->ruling);
	LINE("selector_contest", "%s", ss->contest);
	LINE("selector_champion_digest", "%s", ss->champion);
	for (i = 0; i < n; i++)
		if (!isnan(value[i].value))
			pd_buf_printf(b,
			    value[i].whole ? "%s:%.0f\r\n" : "%s:%.6f\r\n",
			    value[i].name, value[i].value);
}

static void
info_predis(struct pd_server *s, struct pd_buf *b)
{
	struct pd_gain_value gain[PD_GAIN_VALUES];
	struct pd_totals t;
	const struct pd_whatif_stats *ws = &t.whatif;
	struct pd_stats sum;
	size_t i;

	pd_server_totals(s, &t);
	pd_server_stats(s, &sum);
	pd_server_gains(s, gain);
	LINE("policy", "%s", pd_server_first(s)->cfg.policy->name);
	LINE("model", "%s", s->model ? s->model->name : "");
	LINE("model_digest", "%s", s->model ? s->model->digest : "");
	U64("model_loaded_us", s->model ? s->model_loaded_us : 0);
	U64("tick", t.tick);
	U64("objects", t.total);
	U64("maxobjects", s->cfg.maxobjects);
	U64("eviction_age_ticks", t.context.evict_age);
	U64("ghost_seen", ws->reads);
	U64("ghost_hits", ws->ghost[PD_WHATIF_LRU].hits);
	U64("ghost_own_hits", ws->hits);
	U64("ghost_objects", ws->ghost[PD_WHATIF_LRU].objects);
	LINE("ghost_rate", "%g", ws->rate);
	LINE("builtin_policy", "%s", ws->ghost[PD_WHATIF_BUILTIN].policy);
	if (t.selects)
		info_selector(&t.selector, b);
	for (i = 0; i < PD_GAIN_VALUES; i++)
		pd_buf_printf(b, gain[i].whole ? "%s:%.0f\r\n" : "%s:%.3f\r\n",
		    gain[i].name, gain[i].value);
	U64("tap_clients",
	    s->tapserver ? pd_tapserver_clients(s->tapserver) : 0);
	U64("tap_waiting", sum.tap_sampled - sum.tap_sent - sum.tap_lost);
	for (i = 0; i < pd_stats_count; i++)
		pd_buf_printf(b, "predis_%s:%llu\r\n", pd_stats_table[i].name,
		    (unsigned long long)pd_counter_value(
			&pd_stats_table[i], &sum));
}

static const struct {
	const char *name;
	const char *title;
	void (*fn)(struct pd_server *s, struct pd_buf *b);
	bool by_default;
} sections[] = {
    {"server", "Server", info_server, true},
    {"clients", "Clients", info_clients, true},
    {"memory", "Memory", info_memory, true},
    {"persistence", "Persistence", info_persistence, true},
    {"stats", "Stats", info_stats, true},
    {"replication", "Replication", info_replication, true},
    {"cpu", "CPU", info_cpu, true},
    {"commandstats", "Commandstats", info_commandstats, false},
    {"errorstats", "Errorstats", info_errorstats, true},
    {"latencystats", "Latencystats", info_latencystats, false},
    {"cluster", "Cluster", info_cluster, true},
    {"keyspace", "Keyspace", info_keyspace, true},
    {"predis", "Predis", info_predis, true},
};

static bool
asked(size_t i, const struct pd_arg *a, uint32_t n)
{
	uint32_t k;

	if (n == 0)
		return sections[i].by_default;
	for (k = 0; k < n; k++)
		if (pd_arg_is(&a[k], sections[i].name) ||
		    pd_arg_is(&a[k], "all") || pd_arg_is(&a[k], "everything") ||
		    (pd_arg_is(&a[k], "default") && sections[i].by_default))
			return true;
	return false;
}

void
pd_info(
    struct pd_server *s, const struct pd_arg *a, uint32_t n, struct pd_buf *b)
{
	size_t i;

	for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (!asked(i, a, n))
			continue;
		if (b->len > 0)
			pd_buf_addstr(b, "\r\n");
		pd_buf_printf(b, "# %s\r\n", sections[i].title);
		sections[i].fn(s, b);
	}
}
