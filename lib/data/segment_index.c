#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/pds_meta.h"
#include "data/pds_read.h"
#include "data/pds_write.h"
#include "data/segment.h"
#include "data/segment_priv.h"
#include "io/fd.h"
#include "io/json.h"
#include "io/jsonin.h"

#define TEMPORARY ".index.tmp"

static uint64_t
number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) && json_integer_value(v) > 0
		   ? (uint64_t)json_integer_value(v)
		   : 0;
}

static struct pd_segment *
find(struct pd_segments *l, const char *name)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		const int c = strcmp(l->v[mid].name, name);

		if (c == 0)
			return &l->v[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* The entries of an X block. 0, 1 they are bad, or -1 out of memory. */
static int
take_blocks(struct pd_pds_index *x, const struct pd_pds_block *b)
{
	struct pd_pds_entry *e;
	int rc;

	if ((e = malloc(((size_t)b->nrec + 1) * sizeof(*e))) == NULL)
		return -1;
	pd_pds_index_clear(x);
	rc = pd_pds_index_decode(b, e) ? 1 : 0;
	for (uint32_t i = 0; rc == 0 && i < b->nrec; i++)
		pd_pds_index_add(x, &(struct pd_pds_block){.type = e[i].type,
					.nrec = e[i].nrec,
					.offset = e[i].offset,
					.t_first_us = e[i].t_first_us,
					.t_last_us = e[i].t_last_us});
	free(e);
	return rc;
}

static int
take_entry(struct pd_segments *l, const struct pd_pds_block *b)
{
	static const struct pd_jsonin_limits limits = {4096, 4, 64};
	struct pd_segment *s = NULL;
	const char *text, *name;
	size_t n;
	json_t *o;
	int rc = 0;

	if ((text = pd_pds_text(b, &n)) == NULL ||
	    (o = pd_jsonin_parse(text, n, &limits, NULL)) == NULL)
		return 0;
	if ((name = pd_jsonin_str(o, "segment")) != NULL)
		s = find(l, name);
	if (s != NULL && !s->growing && number(o, "bytes") == s->bytes) {
		if (l->blocks != NULL)
			rc = take_blocks(&l->blocks[s - l->v], b);
		s->known = rc == 0;
		s->events = number(o, "events");
		s->lost = number(o, "lost");
		s->closed_us = number(o, "closed_us");
		s->t_first_us = b->t_first_us;
		s->t_last_us = b->t_last_us;
	}
	json_decref(o);
	return rc < 0 ? -1 : 0;
}

int
pd_segment_index_read(struct pd_segments *l, int dirfd, struct pd_err *err)
{
	const int fd = openat(dirfd, PD_SEGMENT_INDEX,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct pd_pds_reader *r;
	struct pd_pds_block b;
	int rc = 0;

	if (fd < 0)
		return 0;
	if ((r = pd_pds_reader_fd(fd)) == NULL)
		rc = -1;
	/* An index that cannot be read is as good as none. */
	while (rc == 0 && pd_pds_next(r, &b, NULL) == PD_PDS_GOT)
		if (b.type == PD_PDS_INDEX)
			rc = take_entry(l, &b);
	pd_pds_reader_free(r);
	close(fd);
	return rc ? pd_err_nomem(err) : 0;
}

static int
write_entry(struct pd_pds_writer *w, const struct pd_segment *s,
    const struct pd_pds_index *blocks, struct pd_err *err)
{
	struct pd_buf text = PD_BUF_INIT, y = PD_BUF_INIT;
	struct pd_json j;
	int rc;

	pd_json_init(&j, &text);
	pd_json_open(&j, '{');
	pd_json_key(&j, "segment");
	pd_json_str(&j, s->name);
	pd_json_key(&j, "bytes");
	pd_json_u64(&j, s->bytes);
	pd_json_key(&j, "events");
	pd_json_u64(&j, s->events);
	pd_json_key(&j, "lost");
	pd_json_u64(&j, s->lost);
	pd_json_key(&j, "closed_us");
	pd_json_u64(&j, s->closed_us);
	pd_json_close(&j, '}');
	if (text.failed ||
	    pd_pds_index_payload(blocks, (const char *)text.data, text.len, &y))
		rc = pd_err_nomem(err);
	else
		rc = pd_pds_block(w, PD_PDS_INDEX, blocks->n, s->t_first_us,
		    s->t_last_us, &y, err);
	pd_buf_release(&text);
	pd_buf_release(&y);
	return rc;
}

static int
write_head(struct pd_pds_writer *w, const char *tool, struct pd_err *err)
{
	struct pd_buf text = PD_BUF_INIT;
	struct pd_pds_meta m;
	int rc;

	pd_pds_meta_init(&m);
	snprintf(m.schema, sizeof(m.schema), "index");
	snprintf(m.tool, sizeof(m.tool), "%s", tool);
	rc = pd_pds_meta_encode(&m, &text)
		 ? pd_err_nomem(err)
		 : pd_pds_header(w, (const char *)text.data, text.len, err);
	pd_buf_release(&text);
	return rc;
}

/* Find out what the index does not know of segment ${i}. 0, 1 it is gone, -1 */
static int
learn(struct pd_segments *l, int dirfd, size_t i, struct pd_err *err)
{
	struct pd_segment *s = &l->v[i];
	struct stat st;
	int fd, rc;

	fd = openat(dirfd, s->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return pd_err_sys(err, "cannot open '%s'", s->name);
	rc = pd_segment_scan(fd, s, &l->blocks[i], NULL, err);
	if (rc == 0 && fstat(fd, &st) == 0) {
		s->bytes = (uint64_t)st.st_size;
		s->closed_us = (uint64_t)st.st_mtim.tv_sec * 1000000 +
			       (uint64_t)st.st_mtim.tv_nsec / 1000;
	}
	close(fd);
	return rc ? pd_err_prefix(err, "'%s'", s->name) : 0;
}

/* The whole index into ${fd}. */
static int
write_all(struct pd_segment_index *x, struct pd_segments *l, int fd,
    const char *tool, struct pd_err *err)
{
	struct pd_pds_wopts o = {.fd = fd};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, err);
	int rc = -1;

	if (w == NULL)
		return -1;
	x->entries = 0;
	x->records = 0;
	if (write_head(w, tool, err))
		goto out;
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].growing)
			continue;
		rc = l->v[i].known ? 0 : learn(l, x->dirfd, i, err);
		if (rc == 1)
			continue;
		if (rc || (rc = write_entry(w, &l->v[i], &l->blocks[i], err)))
			goto out;
		x->entries++;
		x->records += l->blocks[i].n;
	}
	x->stream_id = pd_pds_stream_id(w);
	x->seq = pd_pds_seq(w);
	x->size = pd_pds_written(w);
	rc = 0;
out:
	pd_pds_writer_free(w);
	return rc;
}

int
pd_segment_index_write(struct pd_segment_index *x, struct pd_segments *l,
    const char *tool, struct pd_err *err)
{
	int fd, rc;

	x->size = 0;
	fd = openat(x->dirfd, TEMPORARY,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return pd_err_sys(err, "cannot write the index");
	rc = write_all(x, l, fd, tool, err);
	if (close(fd) && rc == 0)
		rc = pd_err_sys(err, "cannot write the index");
	if (rc == 0 &&
	    renameat(x->dirfd, TEMPORARY, x->dirfd, PD_SEGMENT_INDEX))
		rc = pd_err_sys(err, "cannot write the index");
	if (rc) {
		x->size = 0;
		unlinkat(x->dirfd, TEMPORARY, 0);
	}
	return rc;
}

int
pd_segment_index_append(struct pd_segment_index *x, const struct pd_segment *s,
    const struct pd_pds_index *blocks, struct pd_err *err)
{
	struct pd_pds_wopts o = {.fd = -1};
	struct pd_pds_writer *w;
	int rc = -1;

	if (x->size == 0)
		return pd_err_set(err, "the index has to be made anew");
	o.fd = openat(x->dirfd, PD_SEGMENT_INDEX,
	    O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (o.fd < 0)
		return x->size = 0, pd_err_sys(err, "cannot open the index");
	if ((w = pd_pds_writer_new(&o, err)) != NULL) {
		pd_pds_resume(w, x->stream_id, x->seq, x->records);
		rc = write_entry(w, s, blocks, err);
	}
	if (rc == 0) {
		x->seq++;
		x->records += blocks->n;
		x->entries++;
		x->size += pd_pds_written(w);
	} else {
		(void)!ftruncate(o.fd, (off_t)x->size);
		x->size = 0;
	}
	pd_pds_writer_free(w);
	close(o.fd);
	return rc;
}
