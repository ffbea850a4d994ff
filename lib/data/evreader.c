#define _GNU_SOURCE /* tee(2): look at a pipe without reading it */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/keyfile.h"
#include "data/detect.h"
#include "data/event.h"
#include "data/evreader.h"
#include "data/import.h"
#include "data/pds.h"
#include "data/segment_read.h"
#include "data/transport.h"

struct pd_evreader {
	const struct pd_import *import; /* NULL: pds */
	void *src;
	struct pd_pds_reader *pds;
	struct pd_transport *net;      /* that pds reads from, or NULL */
	struct pd_segment_reader *dir; /* the same */
	int fd;
	char *name;
	struct pd_keys keys;
	struct pd_pds_meta meta;
	struct pd_import_key key;
	enum pd_hits hits;
	uint64_t tick;
	uint64_t identity;
	uint64_t total;
};

static const struct pd_import *const imports[] = {&pd_import_csv,
    &pd_import_oracle, &pd_import_monitor, &pd_import_memcached,
    &pd_import_vscsi, &pd_import_twitter, &pd_import_meta, &pd_import_log,
    &pd_import_nginx, &pd_import_envoy, &pd_import_haproxy, &pd_import_jsonl,
    NULL};

int
pd_timeunit_parse(const char *name)
{
	static const char *const names[] = {"s", "ms", "us", "seq", "own"};

	for (int i = 0; i < 5; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

/* The first bytes of ${fd}, leaving them there. Bytes seen, 0 unknown. */
static size_t
peek(int fd, uint8_t *p, size_t n)
{
	const off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t got = 0;
	int pipefd[2];

	if (at >= 0) {
		got = pread(fd, p, n, at);
	} else if (pipe(pipefd) == 0) {
		if (tee(fd, pipefd[1], n, 0) > 0)
			got = read(pipefd[0], p, n);
		else
			got = recv(fd, p, n, MSG_PEEK);
		close(pipefd[0]);
		close(pipefd[1]);
	}
	return got > 0 ? (size_t)got : 0;
}

static bool
holds_pds(int fd)
{
	uint8_t p[16];
	size_t n;

	n = peek(fd, p, sizeof(p));
	if (n >= 4 && memcmp(p, "PDS1", 4) == 0)
		return true;
	return n >= 14 && p[0] == 0x1f && p[1] == 0x8b && p[3] == 4 &&
	       p[12] == 'P' && p[13] == 'D';
}

/* The format that the content shows, or NULL. */
static const char *
detect(int fd)
{
	uint8_t p[PD_DETECT_BYTES];

	return pd_detect(p, peek(fd, p, sizeof(p)));
}

static bool
looks_like_pds(int fd, const char *path)
{
	const size_t len = strlen(path);

	return (len > 4 && strcmp(path + len - 4, ".pds") == 0) ||
	       holds_pds(fd);
}

static const struct pd_import *
find_import(const char *format)
{
	for (size_t i = 0; imports[i] != NULL; i++)
		if (strcmp(format, imports[i]->name) == 0)
			return imports[i];
	return NULL;
}

static int
open_import(struct pd_evreader *r, const char *path, const char *format,
    const struct pd_evreader_opts *given, struct pd_err *err)
{
	struct pd_evreader_opts o = *given;
	const char *name;

	r->import = find_import(format);
	if (r->import == NULL)
		return pd_err_set(err, "no trace format '%s'", format);
	if (o.unit == PD_TIME_OWN)
		o.unit = r->import->unit;
	if ((r->src = r->import->open(path, &o, err)) == NULL)
		return -1;
	r->hits = o.hits;
	r->meta.hits_unknown = o.hits == PD_HITS_UNKNOWN ||
			       (o.hits == PD_HITS_OWN && !r->import->hits);
	name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	snprintf(r->meta.source, sizeof(r->meta.source), "%s:%s", format, name);
	snprintf(r->meta.time, sizeof(r->meta.time), "%s",
	    o.unit == PD_TIME_SEQ ? "sequence"
	    : r->import->wall	  ? "wall"
				  : "relative");
	r->meta.key_hash_id = r->meta.salt_id = r->keys.id;
	return 0;
}

/* Open the file and tell its format. The descriptor, or -1. */
static int
open_fd(const char *path, const char **format, struct pd_err *err)
{
	const bool in = strcmp(path, "-") == 0;
	const char *known;
	const int fd =
	    in ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return pd_err_sys(err, "cannot open '%s'", path);
	if (*format == NULL) {
		*format = looks_like_pds(fd, path) ? "pds" : detect(fd);
		if (*format == NULL)
			*format = "csv";
		return fd;
	}
	known = strcmp(*format, "auto") == 0 ? "trace" : *format;
	if (strcmp(*format, "pds") != 0 &&
	    (in || lseek(fd, 0, SEEK_CUR) >= 0) && holds_pds(fd)) {
		close(fd);
		return pd_err_set(err,
		    "'%s' is already a stream, no %s: use predis-sample cat",
		    path, known);
	}
	if (strcmp(*format, "auto") == 0 && (*format = detect(fd)) == NULL) {
		close(fd);
		return pd_err_set(err,
		    "cannot tell the format of '%s' from its first bytes: name "
		    "it (--format)",
		    path);
	}
	return fd;
}

struct pd_evreader *
pd_evreader_open(const char *path, const char *format,
    const struct pd_keys *keys, enum pd_timeunit unit, struct pd_err *err)
{
	const struct pd_evreader_opts o = {
	    .format = format, .keys = keys, .unit = unit};

	return pd_evreader_open_with(path, &o, err);
}

static int
open_net(struct pd_evreader *r, const char *url,
    const struct pd_evreader_opts *o, struct pd_err *err)
{
	if ((r->name = strdup(url)) == NULL)
		return pd_err_nomem(err);
	if ((r->net = pd_transport_receiver(url, o->net, err)) == NULL)
		return -1;
	if ((r->pds = pd_transport_reader(r->net)) == NULL)
		return pd_err_nomem(err);
	return 0;
}

static int
open_dir(struct pd_evreader *r, const char *path, struct pd_err *err)
{
	if ((r->name = strdup(path)) == NULL)
		return pd_err_nomem(err);
	r->dir = pd_segment_reader_open(path, 0, UINT64_MAX, err);
	if (r->dir == NULL)
		return -1;
	r->total = pd_segment_reader_total(r->dir);
	if ((r->pds = pd_segment_reader_blocks(r->dir)) == NULL)
		return pd_err_nomem(err);
	return 0;
}

struct pd_evreader *
pd_evreader_open_with(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	const char *format = o->format;
	struct pd_evreader *r;
	struct stat st;

	if ((r = calloc(1, sizeof(*r))) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	pd_pds_meta_init(&r->meta);
	if (o->keys != NULL)
		r->keys = *o->keys;
	else
		pd_keys_public(&r->keys);
	r->fd = -1;
	if (pd_transport_is_url(path)) {
		if (open_net(r, path, o, err))
			goto err0;
		return r;
	}
	if (pd_segment_reader_is_dir(path)) {
		if (open_dir(r, path, err))
			goto err0;
		return r;
	}
	if ((r->fd = open_fd(path, &format, err)) < 0)
		goto err0;
	if ((r->name = strdup(path)) == NULL)
		goto nomem;
	if (fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode))
		r->total = (uint64_t)st.st_size;
	if (strcmp(format, "pds") == 0) {
		if ((r->pds = pd_pds_reader_fd(r->fd)) == NULL)
			goto nomem;
		return r;
	}
	close(r->fd);
	r->fd = -1;
	if (open_import(r, path, format, o, err))
		goto err0;
	return r;
nomem:
	pd_err_nomem(err);
err0:
	pd_evreader_close(r);
	return NULL;
}

void
pd_evreader_close(struct pd_evreader *r)
{
	if (r == NULL)
		return;
	if (r->import != NULL && r->src != NULL)
		r->import->close(r->src);
	pd_pds_reader_free(r->pds);
	pd_transport_close(r->net);
	pd_segment_reader_close(r->dir);
	if (r->fd >= 0)
		close(r->fd);
	free(r->name);
	free(r);
}

static int
next_pds(struct pd_evreader *r, struct pd_event *e, struct pd_err *err)
{
	struct pd_pds_stats s;
	const int rc = pd_pds_next_event(r->pds, e, err);

	if (rc == PD_PDS_GOT) {
		r->identity = e->key;
		return 1;
	}
	if (rc < 0)
		return pd_err_prefix(err, "'%s'", r->name);
	pd_pds_reader_stats(r->pds, &s);
	if (s.blocks == 0)
		return pd_err_set(
		    err, "'%s' holds no block of a PDS stream", r->name);
	return 0;
}

/*
 * The end of a trace. Not a byte is what a pipe has whose writer failed, and no
 * trace; and where nothing was understood, it is the wrong format.
 */
static int
check_end(const struct pd_evreader *r, struct pd_err *err)
{
	const struct pd_rejects *j = pd_evreader_rejects(r);

	if (r->tick == 0 && pd_evreader_offset(r) == 0)
		return strcmp(r->name, "-") == 0
			   ? pd_err_set(err, "standard input is empty")
			   : pd_err_set(err, "'%s' is empty", r->name);
	if (r->tick > 0 || j == NULL || j->count == 0)
		return 0;
	return pd_err_set(
	    err, "no line of '%s' could be read; %s", r->name, j->first[0]);
}

int
pd_evreader_scheme(struct pd_evreader *r, const char *name, struct pd_err *err)
{
	int scheme;

	if (name == NULL)
		return 0;
	if ((scheme = pd_scheme_parse(name)) <= PD_SAMPLE_NONE)
		return pd_err_set(
		    err, "--scheme is key, event or window, not '%s'", name);
	if (r->pds != NULL)
		pd_pds_reader_scheme(r->pds, (enum pd_scheme)scheme);
	return 0;
}

int
pd_evreader_next(struct pd_evreader *r, struct pd_event *e, struct pd_err *err)
{
	int rc;

	if (r->pds != NULL)
		return next_pds(r, e, err);
	pd_event_init(e);
	rc = r->import->next(r->src, e, &r->key, err);
	if (rc != 1)
		return rc == 0 ? check_end(r, err) : rc;
	if (r->tick == 0 && r->hits == PD_HITS_OWN &&
	    r->import->told_hit != NULL)
		r->meta.hits_unknown = !r->import->told_hit(r->src);
	if ((e->flags & PD_EV_FILL) == 0)
		e->tick = r->tick++;
	e->key = pd_keys_identity_db(
	    &r->keys, r->key.db, r->key.p, (uint32_t)r->key.n);
	r->identity = e->key;
	if (e->client != 0)
		e->client = (uint32_t)pd_keys_identity(
		    &r->keys, &e->client, sizeof(e->client));
	if (r->key.ns_name)
		e->ns =
		    (uint32_t)pd_keys_identity(&r->keys, &e->ns, sizeof(e->ns));
	return 1;
}

const char *
pd_evreader_keytext(const struct pd_evreader *r, size_t *len)
{
	if (r->pds != NULL)
		return NULL;
	*len = r->key.n;
	return r->key.p;
}

uint64_t
pd_evreader_keyhash(const struct pd_evreader *r)
{
	if (r->pds != NULL)
		return r->identity;
	/* As the server's table does. */
	return pd_hash64(r->key.p, r->key.n, r->keys.table_seed + r->key.db);
}

uint32_t
pd_evreader_shard(const struct pd_evreader *r)
{
	return r->pds != NULL ? pd_pds_event_shard(r->pds) : 0;
}

bool
pd_evreader_is_pds(const struct pd_evreader *r)
{
	return r->pds != NULL;
}

const struct pd_pds_meta *
pd_evreader_meta(const struct pd_evreader *r)
{
	const struct pd_pds_meta *m = NULL;

	if (r->pds != NULL)
		m = pd_pds_header_meta(r->pds);
	return m != NULL ? m : &r->meta;
}

size_t
pd_evreader_damage(
    const struct pd_evreader *r, const struct pd_pds_damage **list)
{
	*list = NULL;
	return r->pds != NULL ? pd_pds_damage(r->pds, list) : 0;
}

bool
pd_evreader_damage_text(const struct pd_evreader *r, char *out, size_t n)
{
	struct pd_pds_stats s;

	pd_evreader_stats(r, &s);
	out[0] = '\0';
	if (s.damaged == 0)
		return false;
	(void)snprintf(out, n,
	    "has %llu damaged part%s, left out: %llu records lost as far as "
	    "known (predis-sample verify tells where)",
	    (unsigned long long)s.damaged, s.damaged == 1 ? "" : "s",
	    (unsigned long long)s.records_lost);
	return true;
}

void
pd_evreader_stats(const struct pd_evreader *r, struct pd_pds_stats *s)
{
	memset(s, 0, sizeof(*s));
	if (r->pds != NULL)
		pd_pds_reader_stats(r->pds, s);
}

uint64_t
pd_evreader_ignored(const struct pd_evreader *r)
{
	if (r->pds != NULL || r->import->ignored == NULL)
		return 0;
	return r->import->ignored(r->src);
}

const struct pd_rejects *
pd_evreader_rejects(const struct pd_evreader *r)
{
	if (r->pds != NULL || r->import->rejects == NULL)
		return NULL;
	return r->import->rejects(r->src);
}

uint64_t
pd_evreader_offset(const struct pd_evreader *r)
{
	if (r->pds != NULL)
		return pd_pds_reader_offset(r->pds);
	return r->import->offset(r->src);
}

uint64_t
pd_evreader_total(const struct pd_evreader *r)
{
	return r->total;
}
