/*
 * MONITOR on one connection, read line by line as data/monitor.h understands
 * it, and INFO cpu once a second on another one, as MONITOR is dear: the
 * server formats and sends every command once more.
 */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"
#include "data/event.h"
#include "data/monitor.h"
#include "data/source_priv.h"
#include "io/redis.h"

#define SECOND_US 1000000

struct redis {
	struct pd_live_lines lines;
	struct pd_redis *monitored; /* MONITOR's connection */
	struct pd_redis *info;
	struct pd_monitor *monitor;
	bool answered; /* MONITOR's +OK came */
	double cpu;    /* seconds, when asked last */
	uint64_t asked_us;
	struct pd_live_counts counts;
};

static void
redis_close(void *src)
{
	struct redis *r = src;

	if (r == NULL)
		return;
	pd_live_lines_release(&r->lines);
	pd_monitor_free(r->monitor);
	pd_redis_close(r->monitored);
	pd_redis_close(r->info);
	free(r);
}

/* The value of a line "name:value" in INFO's answer. 0 or -1. */
static int
info_value(const char *text, const char *name, double *out)
{
	const char *p = strstr(text, name);
	char number[32];
	size_t n;

	if (p == NULL)
		return -1;
	p += strlen(name);
	n = strcspn(p, "\r\n");
	if (n >= sizeof(number))
		return -1;
	memcpy(number, p, n);
	number[n] = '\0';
	return pd_parse_double(number, out, NULL);
}

/* Processor time used, seconds. 0, or -1 with a message. */
static int
used_cpu(struct pd_redis *c, double *cpu, struct pd_err *err)
{
	const char *argv[] = {"INFO", "cpu"};
	redisReply *a = pd_redis_call(c, 2, argv, NULL, err);
	double sys, user;
	int rc;

	if (a == NULL)
		return -1;
	if (a->type == REDIS_REPLY_ERROR)
		rc = pd_err_set(err, "INFO: %s", a->str);
	else if (a->type != REDIS_REPLY_STRING ||
		 info_value(a->str, "used_cpu_sys:", &sys) ||
		 info_value(a->str, "used_cpu_user:", &user))
		rc = pd_err_set(err, "INFO cpu does not tell used_cpu");
	else
		rc = 0;
	freeReplyObject(a);
	if (rc == 0)
		*cpu = sys + user;
	return rc;
}

static ssize_t
read_monitor(void *cookie, void *p, size_t n)
{
	return pd_redis_read(((struct redis *)cookie)->monitored, p, n);
}

static int
start(struct redis *r, const struct pd_addr *a, const struct pd_live_login *l,
    struct pd_err *err)
{
	const struct pd_redis_opts o = {.user = l->user,
	    .password = l->password,
	    .tls = l->tls,
	    .timeout_ms = PD_LIVE_ASK_MS};
	const char *argv[] = {"MONITOR"};

	if ((r->info = pd_redis_open(a, &o, err)) == NULL ||
	    used_cpu(r->info, &r->cpu, err) ||
	    (r->monitored = pd_redis_open(a, &o, err)) == NULL)
		return -1;
	/* Its answer, too, is read as a line: others follow at once. */
	return pd_redis_add(r->monitored, 1, argv, NULL, err) ||
		       pd_redis_send(r->monitored, err)
		   ? -1
		   : 0;
}

static void *
redis_open(
    const struct pd_addr *a, const struct pd_live_login *l, struct pd_err *err)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (r == NULL || (r->monitor = pd_monitor_new()) == NULL ||
	    pd_live_lines_init(&r->lines, read_monitor, r)) {
		redis_close(r);
		pd_err_nomem(err);
		return NULL;
	}
	r->counts.load = -1;
	if (start(r, a, l, err)) {
		redis_close(r);
		return NULL;
	}
	r->asked_us = pd_clock_mono_us();
	return r;
}

static int
redis_fd(const void *src)
{
	return pd_redis_fd(((const struct redis *)src)->monitored);
}

/* MONITOR's own answer. 0, or -1 with a message. */
static int
first_line(struct redis *r, const char *line, struct pd_err *err)
{
	if (strcmp(line, "+OK") != 0)
		return pd_err_set(
		    err, "MONITOR: %.200s", line[0] == '-' ? line + 1 : line);
	r->answered = true;
	return 0;
}

static int
redis_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct redis *r = src;
	char *line;
	size_t n;
	int rc;

	while (!pd_monitor_key(r->monitor, e, key)) {
		rc = pd_live_lines_next(&r->lines, &line, &n, err);
		r->counts.lost = r->lines.over;
		if (rc != 1)
			return rc;
		if (!r->answered) {
			if (first_line(r, line, err))
				return -1;
			continue;
		}
		/* Lines come as status answers: "+1339518083.1074 [..." */
		rc = line[0] != '+'
			 ? PD_MONITOR_BAD
			 : pd_monitor_line(r->monitor, line + 1, n - 1, err);
		if (rc < 0)
			return -1;
		r->counts.bad += rc == PD_MONITOR_BAD;
		r->counts.ignored += rc == PD_MONITOR_OTHER;
	}
	return 1;
}

static void
redis_finish(void *src)
{
	((struct redis *)src)->lines.closed = true;
}

/* A server that does not answer within a second counts as a busy one. */
static void
redis_check(void *src, uint64_t now_us)
{
	struct redis *r = src;
	double cpu;

	if (now_us <= r->asked_us)
		return;
	if (pd_redis_broken(r->info) || used_cpu(r->info, &cpu, NULL)) {
		r->counts.load = 1e3;
		return;
	}
	now_us = pd_clock_mono_us();
	r->counts.load =
	    (cpu - r->cpu) * SECOND_US / (double)(now_us - r->asked_us);
	r->cpu = cpu;
	r->asked_us = now_us;
}

static const struct pd_live_counts *
redis_counts(const void *src)
{
	return &((const struct redis *)src)->counts;
}

#define REDIS(SCHEME, TLS)                                                     \
	{                                                                      \
		.scheme = (SCHEME), .port = "6379", .tls = (TLS),              \
		.note = cost, .open = redis_open, .fd = redis_fd,              \
		.next = redis_next, .finish = redis_finish,                    \
		.check = redis_check, .counts = redis_counts,                  \
		.close = redis_close                                           \
	}

static const char cost[] =
    "MONITOR makes the server format and send every command once more: about "
    "1 us of its processor time and 65 bytes a command, 1.1 to 1.5 times what "
    "it takes without";

const struct pd_live pd_live_redis = REDIS("redis", false);
const struct pd_live pd_live_redis_tls = REDIS("rediss", true);
