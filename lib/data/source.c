#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/keyfile.h"
#include "data/event.h"
#include "data/pds.h"
#include "data/source.h"
#include "data/source_priv.h"
#include "io/fd.h"
#include "io/tls.h"

#define SECOND_US 1000000
#define NOTES 4
#define PASSWORD_MAX 4096
#define FLUSH_EVERY 1024 /* events between looks at the clock */

static const struct pd_live *const kinds[] = {
    &pd_live_redis, &pd_live_redis_tls, &pd_live_memcached, NULL};

struct pd_source {
	const struct pd_live *live;
	void *src; /* NULL: no connection */
	struct pd_addr addr;
	char user[128];
	struct pd_buf password;
	struct pd_tls_ctx *tls;
	struct pd_source_opts opts;
	struct pd_keys keys;
	struct pd_pds_meta meta;
	struct pd_sampler sampler;
	uint64_t tick;
	uint64_t missed; /* lines that this connection lost, in tick */
	struct pd_source_stats stats; /* without those of src */
	struct pd_source_stats gone;  /* of connections that are lost */
	bool header_due;
	bool ended;
	bool stopping;
	bool more; /* there is, though AGAIN was said */
	bool overloaded;
	unsigned busy; /* checks in a row above max_load */
	uint64_t check_us;
	uint64_t down_us; /* when the connection was lost */
	uint64_t retry_at_us;
	char note[NOTES][320];
	unsigned notes, noted;
	/* Reading as bytes. */
	struct pd_pds_writer *w;
	struct pd_buf out;
	size_t given;  /* of out */
	uint64_t lost; /* said in blocks so far */
	uint64_t flushed_us;
	bool begun; /* a stream without its end */
};

/* --- addresses ----------------------------------------------------------- */

/* The kind of ${url}, and what follows its scheme; NULL: none of ours. */
static const struct pd_live *
kind_of(const char *url, const char **rest, bool *path)
{
	for (size_t i = 0; kinds[i] != NULL; i++) {
		const size_t n = strlen(kinds[i]->scheme);

		if (strncmp(url, kinds[i]->scheme, n) != 0)
			continue;
		*path = strncmp(url + n, "+unix:", 6) == 0;
		if (*path || strncmp(url + n, "://", 3) == 0) {
			*rest = url + n + (*path ? 6 : 3);
			return kinds[i];
		}
	}
	return NULL;
}

bool
pd_source_is_url(const char *address)
{
	const char *rest;
	bool path;

	return kind_of(address, &rest, &path) != NULL;
}

static int
take_address(struct pd_source *s, const char *url, struct pd_err *err)
{
	char text[PD_ADDR_MAX + 8];
	const char *rest, *at;
	bool path;

	if ((s->live = kind_of(url, &rest, &path)) == NULL)
		return pd_err_set(err, "'%s' names no live source", url);
	at = path ? NULL : strrchr(rest, '@');
	if (at != NULL) {
		if (memchr(rest, ':', (size_t)(at - rest)) != NULL)
			return pd_err_set(err,
			    "a password does not belong into an address: put "
			    "it into a file");
		if (at == rest || (size_t)(at - rest) >= sizeof(s->user))
			return pd_err_set(err, "'%s': no name of a user", url);
		memcpy(s->user, rest, (size_t)(at - rest));
		rest = at + 1;
	}
	if (!path && strchr(rest, '/') != NULL)
		return pd_err_set(err,
		    "'%s': not %s://HOST:PORT: a server is watched with all "
		    "its databases",
		    url, s->live->scheme);
	if (*rest == '\0' || strlen(rest) > PD_ADDR_MAX)
		return pd_err_set(
		    err, "'%s': not %s://HOST:PORT", url, s->live->scheme);
	(void)snprintf(text, sizeof(text), "%s%s", path ? "unix:" : "", rest);
	return pd_addr_parse(&s->addr, text, s->live->port, err);
}

int
pd_source_check(const char *url, struct pd_err *err)
{
	struct pd_source *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return pd_err_nomem(err);
	rc = take_address(s, url, err);
	free(s);
	return rc;
}

static int
take_password(struct pd_source *s, struct pd_err *err)
{
	const char *file = s->opts.password_file;
	char *text;

	if (file == NULL)
		return 0;
	if (pd_read_file(file, PASSWORD_MAX, &s->password, err))
		return -1;
	if ((text = pd_buf_cstr(&s->password)) == NULL)
		return pd_err_nomem(err);
	text[strcspn(text, "\r\n")] = '\0';
	if (text[0] == '\0')
		return pd_err_set(err, "'%s' holds no password", file);
	return 0;
}

static int
take_tls(struct pd_source *s, struct pd_err *err)
{
	if (!s->live->tls || s->addr.is_unix)
		return 0;
#if PD_TLS
	s->tls = pd_tls_ctx_client(
	    s->opts.tls_ca, s->opts.tls_cert, s->opts.tls_key, err);
	return s->tls != NULL ? 0 : -1;
#else
	return pd_err_set(err, "built without TLS: make TLS=1");
#endif
}

/* --- connections --------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
note(struct pd_source *s, const char *fmt, ...)
{
	va_list ap;

	if (s->notes == NOTES) { /* nobody takes them: the last one counts */
		s->notes--;
		s->noted -= s->noted == NOTES;
	}
	va_start(ap, fmt);
	(void)vsnprintf(s->note[s->notes], sizeof(s->note[0]), fmt, ap);
	va_end(ap);
	s->notes++;
}

const char *
pd_source_note(struct pd_source *s)
{
	if (s->noted < s->notes)
		return s->note[s->noted++];
	s->notes = s->noted = 0;
	return NULL;
}

static int
attach(struct pd_source *s, struct pd_err *err)
{
	const struct pd_live_login l = {
	    .user = s->user[0] != '\0' ? s->user : NULL,
	    .password =
		s->password.data != NULL ? (char *)s->password.data : NULL,
	    .tls = s->tls};

	if ((s->src = s->live->open(&s->addr, &l, err)) == NULL)
		return -1;
	s->meta.start_us = pd_clock_wall_us();
	s->header_due = true;
	s->busy = 0;
	s->missed = 0;
	s->check_us = pd_clock_mono_us() + SECOND_US;
	return 0;
}

static void
add_counts(struct pd_source_stats *to, const struct pd_live_counts *c)
{
	to->ignored += c->ignored;
	to->lost += c->lost;
	to->bad += c->bad;
}

static void
detach(struct pd_source *s)
{
	if (s->src == NULL)
		return;
	add_counts(&s->gone, s->live->counts(s->src));
	s->live->close(s->src);
	s->src = NULL;
}

static void
make_meta(struct pd_source *s)
{
	struct pd_pds_meta *m = &s->meta;

	pd_pds_meta_init(m);
	if (s->opts.meta != NULL)
		*m = *s->opts.meta;
	(void)snprintf(m->schema, sizeof(m->schema), "events");
	(void)snprintf(m->time, sizeof(m->time), "wall");
	(void)snprintf(m->source, sizeof(m->source), "%s:%.200s%s%s",
	    s->live->scheme, s->addr.host, s->addr.is_unix ? "" : ":",
	    s->addr.is_unix ? "" : s->addr.port);
	m->key_hash_id = s->keys.id;
	m->salt_id = s->keys.id;
	m->hits_unknown = !s->live->hits;
}

struct pd_source *
pd_source_open(
    const char *url, const struct pd_source_opts *o, struct pd_err *err)
{
	struct pd_source *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	s->opts = *o;
	s->sampler = o->sampler;
	if (o->keys != NULL)
		s->keys = *o->keys;
	else
		pd_keys_public(&s->keys);
	if (take_address(s, url, err) || take_password(s, err) ||
	    take_tls(s, err))
		goto err0;
	make_meta(s);
	s->opts.meta = NULL; /* not ours */
	s->opts.keys = NULL;
	if (attach(s, err)) {
		pd_err_prefix(err, "'%s'", url);
		goto err0;
	}
	if (s->live->note != NULL)
		note(s, "%s", s->live->note);
	return s;
err0:
	pd_source_close(s);
	return NULL;
}

void
pd_source_close(struct pd_source *s)
{
	if (s == NULL)
		return;
	detach(s);
	pd_pds_writer_free(s->w);
	pd_buf_release(&s->out);
	if (s->password.data != NULL)
		sodium_memzero(s->password.data, s->password.cap);
	pd_buf_release(&s->password);
#if PD_TLS
	pd_tls_ctx_free(s->tls);
#endif
	free(s);
}

int
pd_source_fd(const struct pd_source *s)
{
	return s->src != NULL ? s->live->fd(s->src) : -1;
}

const struct pd_pds_meta *
pd_source_meta(const struct pd_source *s)
{
	return &s->meta;
}

bool
pd_source_overloaded(const struct pd_source *s)
{
	return s->overloaded;
}

void
pd_source_stop(struct pd_source *s)
{
	s->stopping = true;
	if (s->src != NULL)
		s->live->finish(s->src);
}

void
pd_source_stats(const struct pd_source *s, struct pd_source_stats *out)
{
	*out = s->gone;
	out->requests = s->stats.requests;
	out->events = s->stats.events;
	out->reconnects = s->stats.reconnects;
	out->load = -1;
	if (s->src == NULL)
		return;
	add_counts(out, s->live->counts(s->src));
	out->load = s->live->counts(s->src)->load;
}

/* --- what is due by the clock -------------------------------------------- */

static void
check_load(struct pd_source *s)
{
	const uint64_t now = pd_clock_mono_us();
	double load;

	if (now < s->check_us || s->stopping)
		return;
	s->live->check(s->src, now);
	s->check_us = pd_clock_mono_us() + SECOND_US;
	load = s->live->counts(s->src)->load;
	if (!(s->opts.max_load > 0) || load <= s->opts.max_load) {
		s->busy = 0;
		return;
	}
	if (++s->busy < PD_SOURCE_LOAD_SECONDS)
		return;
	s->overloaded = true;
	if (load < 1e3)
		note(s,
		    "the server takes %.2f of a core, more than %.2f, for "
		    "%d s: watching it ends here",
		    load, s->opts.max_load, PD_SOURCE_LOAD_SECONDS);
	else
		note(s, "the server does not tell its load within a second: "
			"watching it ends here");
	pd_source_stop(s);
}

/* Connect again when that is due. 0, or -1 when it has been tried enough. */
static int
reconnect(struct pd_source *s, struct pd_err *err)
{
	struct pd_err why = PD_ERR_INIT;
	uint64_t now = pd_clock_mono_us();

	if (now < s->retry_at_us)
		return 0;
	if (attach(s, &why) == 0) {
		s->stats.reconnects++;
		note(s, "connected again after %.1f s; a new stream begins",
		    (double)(pd_clock_mono_us() - s->down_us) / SECOND_US);
		return 0;
	}
	now = pd_clock_mono_us();
	s->retry_at_us = now + SECOND_US;
	if (now - s->down_us < s->opts.retry_us)
		return 0;
	s->ended = true;
	return pd_err_set(err,
	    "the connection was lost, and did not come back "
	    "within %.0f s: %s",
	    (double)s->opts.retry_us / SECOND_US, why.msg);
}

static void
lose(struct pd_source *s)
{
	detach(s);
	if (s->opts.retry_us == 0 || s->stopping) {
		if (!s->stopping)
			note(s, "the server closed the connection");
		s->ended = true;
		return;
	}
	note(s, "the connection was lost: trying again");
	s->down_us = pd_clock_mono_us();
	s->retry_at_us = s->down_us;
}

int
pd_source_timeout_ms(const struct pd_source *s)
{
	const uint64_t now = pd_clock_mono_us();
	uint64_t at = s->src != NULL ? s->check_us : s->retry_at_us;

	if (s->stopping || s->ended || s->more)
		return 0;
	if (s->w != NULL && s->flushed_us + SECOND_US < at)
		at = s->flushed_us + SECOND_US;
	if (at <= now)
		return 0;
	return at - now > SECOND_US ? 1000 : (int)((at - now) / 1000) + 1;
}

/* --- events -------------------------------------------------------------- */

static bool
keep(struct pd_source *s, struct pd_event *e, const struct pd_import_key *key)
{
	const bool by_key = s->sampler.scheme == PD_SAMPLE_KEY;
	uint64_t hash = 0;

	if (by_key)
		hash = pd_hash64(key->p, key->n, s->keys.table_seed + key->db);
	if (s->sampler.scheme != PD_SAMPLE_NONE &&
	    !pd_sample(&s->sampler, hash, e->time_us))
		return false;
	e->key =
	    pd_keys_identity_db(&s->keys, key->db, key->p, (uint32_t)key->n);
	if (e->client != 0)
		e->client = (uint32_t)pd_keys_identity(
		    &s->keys, &e->client, sizeof(e->client));
	return true;
}

/* Take events from the connection up to one that is kept. */
static int
next_kept(struct pd_source *s, struct pd_event *e, struct pd_err *err)
{
	struct pd_import_key key = {NULL, 0, 0, false};
	unsigned n = 0;
	int rc;

	s->more = false;
	do {
		if (n++ % FLUSH_EVERY == 0)
			check_load(s);
		pd_event_init(e);
		/* What the server dropped has its ticks too. */
		s->tick += s->live->counts(s->src)->lost - s->missed;
		s->missed = s->live->counts(s->src)->lost;
		e->tick = s->tick;
		rc = s->live->next(s->src, e, &key, err);
		if (rc != 1)
			return rc;
		s->stats.requests++;
		s->tick += (e->flags & PD_EV_FILL) == 0;
		/* A caller who has other things to do gets a turn. */
		if (n == 64 * FLUSH_EVERY) {
			s->more = true;
			return keep(s, e, &key) ? 1 : 0;
		}
	} while (!keep(s, e, &key));
	return 1;
}

int
pd_source_next(struct pd_source *s, struct pd_event *e, struct pd_err *err)
{
	int rc;

	if (s->ended)
		return PD_SOURCE_END;
	if (s->src == NULL && s->stopping) {
		s->ended = true;
		return PD_SOURCE_END;
	}
	if (s->src == NULL && reconnect(s, err))
		return PD_SOURCE_FAILED;
	if (s->src == NULL)
		return PD_SOURCE_AGAIN;
	if (s->header_due) {
		s->header_due = false;
		return PD_SOURCE_HEADER;
	}
	rc = next_kept(s, e, err);
	if (rc == 1) {
		s->stats.events++;
		return PD_SOURCE_EVENT;
	}
	if (rc == -1) {
		s->ended = true;
		return PD_SOURCE_FAILED;
	}
	if (rc == PD_LIVE_CLOSED)
		lose(s);
	else if (s->stopping)
		s->ended = true;
	return s->ended ? PD_SOURCE_END : PD_SOURCE_AGAIN;
}

/* --- bytes ---------------------------------------------------------------- */

static int
start_writer(struct pd_source *s, struct pd_err *err)
{
	const struct pd_pds_wopts o = {.fd = -1, .out = &s->out, .bare = true};

	if (s->w != NULL)
		return 0;
	s->flushed_us = pd_clock_mono_us();
	s->w = pd_pds_writer_new(&o, err);
	return s->w == NULL ? -1 : 0;
}

static int
write_header(struct pd_source *s, struct pd_err *err)
{
	struct pd_buf text = PD_BUF_INIT;
	int rc = -1;

	if (s->begun && pd_pds_end(s->w, err))
		return -1;
	if (pd_pds_meta_encode(&s->meta, &text))
		pd_err_nomem(err);
	else
		rc =
		    pd_pds_header(s->w, (const char *)text.data, text.len, err);
	pd_buf_release(&text);
	s->begun = rc == 0;
	return rc;
}

/* Once a second what was gathered leaves. */
static int
flush_due(struct pd_source *s, struct pd_err *err)
{
	const uint64_t now = pd_clock_mono_us();
	struct pd_source_stats st;

	if (now - s->flushed_us < SECOND_US)
		return 0;
	s->flushed_us = now;
	pd_source_stats(s, &st);
	pd_pds_lost(s->w, st.lost - s->lost);
	s->lost = st.lost;
	return pd_pds_flush(s->w, err);
}

static int
write_end(struct pd_source *s, struct pd_err *err)
{
	if (!s->begun)
		return 0;
	s->begun = false;
	return pd_pds_end(s->w, err);
}

/* Move the source on until there are bytes. 1, 0 at the end, or as enum
 * pd_source_result. */
static int
gather(struct pd_source *s, struct pd_err *err)
{
	struct pd_event e;
	unsigned n = 0;
	int rc = PD_SOURCE_EVENT;

	while (s->out.len == 0) {
		if (rc == PD_SOURCE_AGAIN)
			return rc;
		rc = pd_source_next(s, &e, err);
		if (rc == PD_SOURCE_FAILED)
			return rc;
		if (rc == PD_SOURCE_HEADER && write_header(s, err))
			return PD_SOURCE_FAILED;
		if (rc == PD_SOURCE_EVENT && pd_pds_add(s->w, &e, err))
			return PD_SOURCE_FAILED;
		if (rc == PD_SOURCE_END) {
			if (write_end(s, err))
				return PD_SOURCE_FAILED;
			if (s->out.len == 0)
				return PD_SOURCE_END;
			break;
		}
		if ((rc == PD_SOURCE_AGAIN || ++n % FLUSH_EVERY == 0) &&
		    flush_due(s, err))
			return PD_SOURCE_FAILED;
	}
	return 1;
}

ssize_t
pd_source_read(struct pd_source *s, void *p, size_t n, struct pd_err *err)
{
	int rc;

	if (start_writer(s, err))
		return PD_SOURCE_FAILED;
	if (s->given == s->out.len) {
		pd_buf_clear(&s->out);
		s->given = 0;
		if ((rc = gather(s, err)) != 1)
			return rc;
	}
	if (n > s->out.len - s->given)
		n = s->out.len - s->given;
	memcpy(p, s->out.data + s->given, n);
	s->given += n;
	return (ssize_t)n;
}
