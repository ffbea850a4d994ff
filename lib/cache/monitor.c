#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_util.h"
#include "cache/monitor.h"
#include "cache/server.h"

#define SALT 0x70642d6d6f6e6974ULL /* apart from other selections of keys */

int
pd_monitor_start(
    struct pd_client *c, double share, const char *prefix, uint32_t n)
{
	struct pd_server *s = c->server;
	struct pd_monitor *m = malloc(sizeof(*m) + n);

	if (m == NULL)
		return -1;
	pd_monitor_stop(c);
	if (s->monitors == NULL &&
	    (s->monitors = calloc(1, sizeof(*s->monitors))) == NULL) {
		free(m);
		return -1;
	}
	m->client = c;
	m->most = share >= 1 ? UINT64_MAX
			     : (uint64_t)(share * 18446744073709551615.0);
	m->lost = 0;
	m->prefix_len = n;
	memcpy(m->prefix, prefix, n);
	m->next = s->monitors->first;
	s->monitors->first = m;
	c->is_monitor = true;
	return 0;
}

void
pd_monitor_stop(struct pd_client *c)
{
	struct pd_server *s = c->server;
	struct pd_monitor **p, *m;

	if (!c->is_monitor)
		return;
	for (p = &s->monitors->first; (*p)->client != c; p = &(*p)->next)
		;
	m = *p;
	*p = m->next;
	free(m);
	c->is_monitor = false;
	if (s->monitors->first == NULL) {
		free(s->monitors);
		s->monitors = NULL;
	}
}

/* Text within quotes, as redis-cli shows it. */
static void
add_quoted(struct pd_buf *b, const char *p, size_t n)
{
	static const char from[] = "\n\r\t\a\b", to[] = "nrtab";
	const char *f;
	size_t i;

	pd_buf_addc(b, '"');
	for (i = 0; i < n; i++) {
		f = p[i] == '\0' ? NULL : strchr(from, p[i]);
		if (p[i] == '"' || p[i] == '\\') {
			pd_buf_addc(b, '\\');
			pd_buf_addc(b, p[i]);
		} else if (f != NULL) {
			pd_buf_addc(b, '\\');
			pd_buf_addc(b, to[f - from]);
		} else if (p[i] >= ' ' && p[i] <= '~') {
			pd_buf_addc(b, p[i]);
		} else {
			pd_buf_printf(b, "\\x%02x", (uint8_t)p[i]);
		}
	}
	pd_buf_addc(b, '"');
}

static void
add_time(const struct pd_client *c, struct pd_buf *b)
{
	const uint64_t us = c->server->holder->now_us;

	pd_buf_printf(b, "+%llu.%06llu ", (unsigned long long)(us / 1000000),
	    (unsigned long long)(us % 1000000));
}

static void
add_command(struct pd_buf *b, const struct pd_client *c,
    const struct pd_arg *argv, uint32_t argc, uint32_t secret)
{
	uint32_t i;

	add_time(c, b);
	if (c->is_unix)
		pd_buf_printf(
		    b, "[%u unix:%s]", c->db, c->server->cfg.unixsocket);
	else
		pd_buf_printf(b, "[%u %s]", c->db, c->addr);
	for (i = 0; i < argc; i++) {
		pd_buf_addc(b, ' ');
		if (i >= secret)
			pd_buf_addstr(b, "\"(redacted)\"");
		else
			add_quoted(b, argv[i].p, argv[i].n);
	}
	pd_buf_addstr(b, "\r\n");
}

static void
first_key(void *cookie, uint32_t at, unsigned flags)
{
	uint32_t *first = cookie;

	(void)flags;
	if (*first == 0)
		*first = at;
}

/* Does a monitor want the command whose first key is ${key}, or NULL? */
static bool
wants(const struct pd_monitor *m, const struct pd_arg *key, uint64_t seed)
{
	if (m->most == UINT64_MAX && m->prefix_len == 0)
		return true;
	return key != NULL && key->n >= m->prefix_len &&
	       memcmp(key->p, m->prefix, m->prefix_len) == 0 &&
	       pd_hash64(key->p, key->n, seed ^ SALT) <= m->most;
}

static void
tell(struct pd_monitor *m, const struct pd_buf *line)
{
	struct pd_client *to = m->client;
	struct pd_buf b = PD_BUF_INIT;

	if (pd_client_unread(to) + line->len > PD_MONITOR_UNREAD) {
		m->lost++;
		to->worker->stats.monitor_lost++;
		return;
	}
	if (m->lost > 0) {
		add_time(to, &b);
		pd_buf_printf(&b, "[0 predis] \"dropped\" \"%llu\"\r\n",
		    (unsigned long long)m->lost);
		pd_client_send(to, b.data, b.len, false);
		pd_buf_release(&b);
		m->lost = 0;
	}
	pd_client_send(to, line->data, line->len, false);
}

void
pd_monitor_feed(struct pd_client *c, const struct pd_arg *argv, uint32_t argc,
    uint32_t secret)
{
	struct pd_server *s = c->server;
	const struct pd_cmd *cmd =
	    pd_commands_find(s->commands, argv[0].p, argv[0].n);
	struct pd_buf line = PD_BUF_INIT;
	const struct pd_arg *key = NULL;
	struct pd_monitor *m;
	uint32_t first = 0;

	if (cmd != NULL)
		pd_command_keys(cmd, argv, argc, first_key, &first);
	if (first > 0)
		key = &argv[first];
	for (m = s->monitors->first; m != NULL; m = m->next) {
		if (!wants(m, key, pd_server_first(s)->seed))
			continue;
		if (line.len == 0)
			add_command(&line, c, argv, argc, secret);
		if (line.failed) {
			m->lost++;
			c->worker->stats.monitor_lost++;
		} else if (!m->client->closed) {
			tell(m, &line);
		}
	}
	pd_buf_release(&line);
}
