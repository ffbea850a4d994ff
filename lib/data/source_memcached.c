/*
 * memcached's watch on one connection (data/mclog.h understands the lines),
 * and its stats once a second on another one: they tell what its threads had
 * no room for (log_worker_dropped), beside what it skips for a slow watcher.
 *
 * Lines of one thread are in order; those of several come in turns.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "data/event.h"
#include "data/import_text.h"
#include "data/mclog.h"
#include "data/source_priv.h"
#include "io/fd.h"

#define STATS_MAX 32768
#define HOLD_US 50000 /* how long the second line of a pair may take */

struct memcached {
	struct pd_live_lines lines;
	struct pd_mclog *log;
	int fd;
	int stats;	/* a second connection */
	bool deletions; /* asked for, and not refused */
	bool answered;
	uint64_t held_us;	 /* when the log began to hold a line */
	uint64_t worker_dropped; /* as the server said last */
	uint64_t dropped;	 /* since we watch */
	bool dropped_known;
	struct pd_live_counts counts;
};

static void
memcached_close(void *src)
{
	struct memcached *m = src;

	if (m == NULL)
		return;
	pd_live_lines_release(&m->lines);
	pd_mclog_free(m->log);
	if (m->fd >= 0)
		close(m->fd);
	if (m->stats >= 0)
		close(m->stats);
	free(m);
}

/* "OK" to the watch, or an error. 0, or -1 with a message. */
static int
first_line(struct memcached *m, const char *line, struct pd_err *err)
{
	static const char again[] = "watch fetchers mutations\r\n";

	if (strcmp(line, "OK") == 0) {
		m->answered = true;
		return 0;
	}
	if (!m->deletions)
		return pd_err_set(err, "watch: %.200s", line);
	/* It knows no deletions: they look like reads then. */
	m->deletions = false;
	if (pd_write_full(m->fd, again, sizeof(again) - 1))
		return pd_err_sys(err, "cannot send watch");
	return 0;
}

/* Read one line. As pd_live_lines_next(). */
static int
next_line(struct memcached *m, struct pd_err *err)
{
	char *line;
	size_t n;
	int rc;

	rc = pd_live_lines_next(&m->lines, &line, &n, err);
	if (rc != 1)
		return rc;
	if (!m->answered)
		return first_line(m, line, err) ? -1 : 1;
	switch (pd_mclog_line(m->log, line, n)) {
	case PD_MCLOG_BAD:
		m->counts.bad++;
		break;
	case PD_MCLOG_OTHER:
		m->counts.ignored++;
		break;
	case PD_MCLOG_EVENT:
		m->held_us = pd_clock_mono_us();
		break;
	}
	m->counts.lost = m->dropped + pd_mclog_lost(m->log);
	return 1;
}

static int
memcached_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct memcached *m = src;
	int rc = 1;

	while (!pd_mclog_next(m->log, e, key)) {
		if (rc != 1)
			return rc;
		rc = next_line(m, err);
		if (rc == -1)
			return -1;
		/* A pair is written at once: nothing more belongs to it. */
		if (rc != 1 && pd_mclog_holds(m->log) &&
		    (rc == PD_LIVE_CLOSED ||
			pd_clock_mono_us() - m->held_us > HOLD_US))
			pd_mclog_flush(m->log);
	}
	return 1;
}

/* Nothing more is waited for. */
static void
memcached_finish(void *src)
{
	((struct memcached *)src)->lines.closed = true;
}

/* --- the server's counters ---------------------------------------------- */

/* What the server answers to "stats", as text; 0 or -1. */
static int
read_stats(int fd, char *text, size_t size)
{
	const uint64_t until = pd_clock_mono_us() + PD_LIVE_ASK_MS * 1000ULL;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	uint64_t now;
	ssize_t n;

	if (pd_write_full(fd, "stats\r\n", 7))
		return -1;
	while (len + 1 < size) {
		if ((now = pd_clock_mono_us()) >= until ||
		    poll(&p, 1, (int)((until - now) / 1000) + 1) <= 0)
			return -1;
		n = pd_read_some(fd, text + len, size - 1 - len);
		if (n <= 0)
			return -1;
		len += (size_t)n;
		text[len] = '\0';
		if (len >= 5 && strcmp(text + len - 5, "END\r\n") == 0)
			return 0;
	}
	return -1;
}

static void
memcached_check(void *src, uint64_t now_us)
{
	static const char name[] = "STAT log_worker_dropped ";
	struct memcached *m = src;
	char text[STATS_MAX];
	struct pd_text_field f;
	uint64_t dropped;

	(void)now_us;
	if (m->stats < 0)
		return;
	if (read_stats(m->stats, text, sizeof(text))) {
		close(m->stats);
		m->stats = -1;
		return;
	}
	if ((f.p = strstr(text, name)) == NULL)
		return;
	f.p += sizeof(name) - 1;
	f.n = strcspn(f.p, "\r\n");
	if (pd_text_field_u64(f, &dropped))
		return;
	if (m->dropped_known && dropped > m->worker_dropped)
		m->dropped += dropped - m->worker_dropped;
	m->worker_dropped = dropped;
	m->dropped_known = true;
	m->counts.lost = m->dropped + pd_mclog_lost(m->log);
}

static ssize_t
read_socket(void *cookie, void *p, size_t n)
{
	return read(((struct memcached *)cookie)->fd, p, n);
}

static void *
memcached_open(
    const struct pd_addr *a, const struct pd_live_login *l, struct pd_err *err)
{
	static const char command[] = "watch fetchers mutations deletions\r\n";
	struct memcached *m;

	if (l->password != NULL || l->user != NULL) {
		(void)pd_err_set(
		    err, "memcached is watched without user and password");
		return NULL;
	}
	if ((m = calloc(1, sizeof(*m))) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	m->fd = m->stats = -1;
	m->counts.load = -1;
	m->deletions = true;
	if ((m->log = pd_mclog_new()) == NULL ||
	    pd_live_lines_init(&m->lines, read_socket, m))
		pd_err_nomem(err);
	else if ((m->fd = pd_sock_connect(a, PD_LIVE_CONNECT_MS, err)) >= 0 &&
		 (m->stats = pd_sock_connect(a, PD_LIVE_CONNECT_MS, err)) >=
		     0) {
		memcached_check(m, 0);
		if (pd_write_full(m->fd, command, sizeof(command) - 1) == 0 &&
		    pd_sock_nonblock(m->fd, true) == 0)
			return m;
		(void)pd_err_sys(err, "cannot send watch");
	}
	memcached_close(m);
	return NULL;
}

static int
memcached_fd(const void *src)
{
	return ((const struct memcached *)src)->fd;
}

static const struct pd_live_counts *
memcached_counts(const void *src)
{
	return &((const struct memcached *)src)->counts;
}

const struct pd_live pd_live_memcached = {.scheme = "memcached",
    .port = "11211",
    .hits = true,
    .open = memcached_open,
    .fd = memcached_fd,
    .next = memcached_next,
    .finish = memcached_finish,
    .check = memcached_check,
    .counts = memcached_counts,
    .close = memcached_close};
