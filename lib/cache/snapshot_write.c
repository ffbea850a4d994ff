/*
 * The thread that writes a snapshot's file: packs the pieces that the walk
 * (snapshot_save.c) hands over, and writes them in their order. What is held
 * goes back to the walk, which alone may let go of it.
 */

#include <pthread.h>

#include <xxhash.h>
#include <zlib.h>

#include "base/endian.h"
#include "cache/snapshot_save_priv.h"
#include "io/atomicfile.h"
#include "io/fd.h"

#define LEVEL 1 /* of zlib */

static int
put_bytes(struct pd_save *s, int fd, const void *p, size_t n)
{
	s->bytes += n;
	return pd_write_full(fd, p, n);
}

static uint64_t
hash_of(const struct pd_save *s, const struct pd_buf *b, const struct piece *p)
{
	XXH3_state_t *x;
	uint64_t h;

	if (p->held == NULL)
		return XXH3_64bits_withSeed(b->data, b->len, s->info.salt);
	if ((x = XXH3_createState()) == NULL)
		return 0;
	XXH3_64bits_reset_withSeed(x, s->info.salt);
	XXH3_64bits_update(x, b->data, b->len);
	XXH3_64bits_update(x, p->value, p->vlen);
	h = XXH3_64bits_digest(x);
	XXH3_freeState(x);
	return h;
}

/* The piece packed, in s->packed; false where that makes it no smaller. */
static bool
pack(struct pd_save *s, const struct piece *p)
{
	uLongf n = compressBound((uLong)p->data.len);

	pd_buf_clear(&s->packed);
	if (p->held != NULL || pd_buf_reserve(&s->packed, n) ||
	    compress2(s->packed.data, &n, p->data.data, (uLong)p->data.len,
		LEVEL) != Z_OK ||
	    n >= p->data.len)
		return false;
	s->packed.len = n;
	return true;
}

static int
write_piece(struct pd_save *s, int fd, const struct piece *p)
{
	const bool packed = s->cfg.compress && pack(s, p);
	const struct pd_buf *b = packed ? &s->packed : &p->data;
	struct pd_snapshot_head h = {.kind = PD_SNAPSHOT_KEYS,
	    .packing = packed ? PD_SNAPSHOT_ZLIB : PD_SNAPSHOT_PLAIN,
	    .age = p->age,
	    .records = p->records};
	uint8_t head[PD_SNAPSHOT_HEAD];

	h.raw = (uint32_t)(p->data.len + p->vlen);
	h.stored = (uint32_t)(b->len + p->vlen);
	h.hash = hash_of(s, b, p);
	pd_snapshot_put_head(head, &h, s->info.salt);
	s->blocks++;
	s->records += p->records;
	if (put_bytes(s, fd, head, sizeof(head)) ||
	    put_bytes(s, fd, b->data, b->len) ||
	    (p->vlen > 0 && put_bytes(s, fd, p->value, p->vlen)))
		return -1;
	return 0;
}

static int
write_info(struct pd_save *s, int fd)
{
	uint8_t head[PD_SNAPSHOT_HEADER];

	pd_snapshot_put_info(head, &s->info);
	return put_bytes(s, fd, head, sizeof(head));
}

static int
write_end(struct pd_save *s, int fd)
{
	uint8_t end[PD_SNAPSHOT_HEAD + PD_SNAPSHOT_END];
	uint8_t *p = end + PD_SNAPSHOT_HEAD;
	struct pd_snapshot_head h = {.kind = PD_SNAPSHOT_LAST,
	    .age = PD_SNAPSHOT_NO_AGE,
	    .raw = PD_SNAPSHOT_END,
	    .stored = PD_SNAPSHOT_END};

	pd_put64(p, s->blocks);
	pd_put64(p + 8, s->records);
	pd_put64(p + 16, s->bytes);
	h.hash = XXH3_64bits_withSeed(p, PD_SNAPSHOT_END, s->info.salt);
	pd_snapshot_put_head(end, &h, s->info.salt);
	return put_bytes(s, fd, end, sizeof(end));
}

/* The next piece, or NULL when there will be none. */
static struct piece *
next_piece(struct pd_save *s)
{
	struct piece *p = NULL;

	pthread_mutex_lock(&s->lock);
	while (!s->cancelled && s->queue.first == NULL && !s->closing)
		pthread_cond_wait(&s->wake, &s->lock);
	if (!s->cancelled)
		p = pieces_take(&s->queue);
	pthread_mutex_unlock(&s->lock);
	return p;
}

static void
piece_done(struct pd_save *s, struct piece *p)
{
	const size_t bytes = piece_bytes(p);
	const bool held = p->held != NULL;

	if (!held)
		piece_free(p);
	pthread_mutex_lock(&s->lock);
	s->queued -= bytes;
	if (held)
		pieces_add(&s->done, p);
	pthread_mutex_unlock(&s->lock);
}

static int
write_file(struct pd_save *s, struct pd_err *err)
{
	struct pd_atomicfile f = PD_ATOMICFILE_INIT;
	struct piece *p;
	bool cancelled;
	int r;

	if (pd_atomicfile_open(&f, s->path, 0600, err))
		return -1;
	r = write_info(s, f.fd);
	while (r == 0 && (p = next_piece(s)) != NULL) {
		r = write_piece(s, f.fd, p);
		if (r)
			(void)pd_err_sys(err, "cannot write '%s'", s->path);
		piece_done(s, p);
	}
	pthread_mutex_lock(&s->lock);
	cancelled = s->cancelled;
	pthread_mutex_unlock(&s->lock);
	if (cancelled) {
		pd_atomicfile_abort(&f);
		return pd_err_set(err, "the snapshot was given up");
	}
	if (r == 0 && write_end(s, f.fd) == 0)
		return pd_atomicfile_commit(&f, err);
	if (err->msg[0] == '\0')
		(void)pd_err_sys(err, "cannot write '%s'", s->path);
	pd_atomicfile_abort(&f);
	return -1;
}

void *
save_writer(void *cookie)
{
	struct pd_save *s = cookie;
	struct pd_err err = PD_ERR_INIT;
	const int r = write_file(s, &err);

	pthread_mutex_lock(&s->lock);
	s->failed = r != 0;
	s->err = err;
	s->finished = true;
	pthread_mutex_unlock(&s->lock);
	return NULL;
}
