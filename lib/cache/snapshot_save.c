/*
 * Writing a snapshot: the walk. It follows the index in hash order (index.h):
 * what a bucket that was merged meanwhile shows again is left out by its hash.
 * Keys are gathered by the age of their last access into open blocks, of which
 * the fullest is closed when all together have become large. Closed blocks go
 * to the thread (snapshot_write.c) through a queue; while that is full the
 * walk waits, so that a slow disk costs neither memory nor time. No system
 * call is made and no other lock is taken while a store is locked.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/code.h"
#include "base/err.h"
#include "cache/reply.h"
#include "cache/snapshot_save_priv.h"
#include "cache/store.h"

#define OPEN_MOST (4u << 20)  /* bytes of open blocks */
#define QUEUE_MOST (8u << 20) /* bytes on their way to the thread */
#define BUCKETS 8	      /* of the index, between looks at the clock */
#define SAMPLE 1024	      /* keys looked at for the ages of all */
#define MARGIN 1.2	      /* of what that sample says */

static void
lock_shard(const struct pd_save *s, unsigned i)
{
	if (s->stores.lock != NULL)
		s->stores.lock(s->stores.cookie, i);
}

static void
unlock_shard(const struct pd_save *s, unsigned i)
{
	if (s->stores.unlock != NULL)
		s->stores.unlock(s->stores.cookie, i);
}

static struct piece *
piece_new(struct pd_save *s, unsigned age)
{
	struct piece *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		s->nomem = true;
		return NULL;
	}
	p->age = (uint8_t)age;
	p->shard = s->shard;
	return p;
}

/* No more keys go into the open block of this age. */
static void
close_block(struct pd_save *s, unsigned age)
{
	struct open_block *o = &s->open[age];
	struct piece *p;

	if (o->records == 0 || (p = piece_new(s, age)) == NULL)
		return;
	s->open_bytes -= o->data.cap;
	p->data = o->data;
	p->records = o->records;
	pieces_add(&s->closed, p);
	*o = (struct open_block){.data = PD_BUF_INIT};
}

static void
close_fullest(struct pd_save *s)
{
	unsigned i, best = 0;

	for (i = 1; i < SAVE_AGES; i++)
		if (s->open[i].data.cap > s->open[best].data.cap)
			best = i;
	close_block(s, best);
}

static struct pd_snapshot_record
describe(struct pd_store *st, const struct pd_entry *e)
{
	const uint32_t slot = pd_store_slot(st, e);
	const pd_refetch_note cost = pd_refetch_get(&st->costs, slot);
	struct pd_snapshot_record r = {.key = pd_entry_key(e),
	    .value = pd_entry_value(e),
	    .vlen = (uint32_t)pd_entry_len(e),
	    .klen = (uint16_t)pd_entry_key_len(e),
	    .db = (uint8_t)pd_entry_db(e),
	    .expiry = pd_entry_expiry(e),
	    .cost = pd_refetch_us(cost),
	    .hinted = pd_refetch_is_hint(cost)};

	if (st->policy->ops->save != NULL) {
		st->policy->ops->save(st->policy, slot, st->tick, &r.rank);
		r.ranked = true;
	}
	return r;
}

static void
take_large(struct pd_save *s, struct pd_entry *e,
    const struct pd_snapshot_record *r, unsigned age)
{
	const size_t n = pd_snapshot_record_size(r);
	struct piece *p = piece_new(s, age);

	if (p == NULL || pd_buf_reserve(&p->data, n)) {
		s->nomem = true;
		free(p);
		return;
	}
	pd_snapshot_put_record(p->data.data, r);
	p->data.len = n;
	p->records = 1;
	p->held = e;
	p->value = pd_entry_value(e);
	p->vlen = r->vlen;
	pieces_add(&s->closed, p);
}

static void
take_small(struct pd_save *s, const struct pd_snapshot_record *r, unsigned age)
{
	const size_t n = pd_snapshot_record_size(r);
	struct open_block *o = &s->open[age];
	const size_t cap = o->data.cap;

	if (pd_buf_reserve(&o->data, n + r->vlen)) {
		s->nomem = true;
		return;
	}
	s->open_bytes += o->data.cap - cap;
	pd_snapshot_put_record(o->data.data + o->data.len, r);
	memcpy(o->data.data + o->data.len + n, r->value, r->vlen);
	o->data.len += n + r->vlen;
	o->records++;
	if (o->data.len >= PD_SNAPSHOT_BLOCK)
		close_block(s, age);
	else if (s->open_bytes > OPEN_MOST)
		close_fullest(s);
}

static unsigned
age_of(const struct pd_snapshot_record *r)
{
	return r->ranked ? pd_code(r->rank.age) : PD_SNAPSHOT_NO_AGE;
}

static void
visit(void *cookie, struct pd_entry *e)
{
	struct pd_save *s = cookie;
	struct pd_store *st = s->stores.store[s->shard];
	struct pd_snapshot_record r;
	size_t n;
	unsigned age;

	/* What lies before the cursor has been seen. */
	if (s->nomem || pd_store_entry_key(st, e).hash >> 16 < s->cursor)
		return;
	r = describe(st, e);
	if (r.expiry != 0 && r.expiry <= st->now_ms) {
		s->stats.expired++;
		return;
	}
	age = age_of(&r);
	n = pd_snapshot_record_size(&r) + r.vlen;
	if (r.vlen >= PD_REPLY_HOLD || s->open[age].records == 0)
		n += PD_SNAPSHOT_HEAD;
	if (age > s->oldest ||
	    (s->cfg.max_bytes > 0 && s->taken + n > s->cfg.max_bytes)) {
		s->stats.left_out++;
		return;
	}
	s->taken += n;
	s->stats.records++;
	if (r.vlen >= PD_REPLY_HOLD && (e = pd_store_hold(e)) != NULL)
		take_large(s, e, &r, age);
	else
		take_small(s, &r, age);
}

/* A few buckets. */
static void
walk(struct pd_save *s)
{
	const struct pd_store *st = s->stores.store[s->shard];
	unsigned i;

	lock_shard(s, s->shard);
	for (i = 0; i < BUCKETS; i++)
		if ((s->cursor = pd_store_scan(st, s->cursor, visit, s)) == 0)
			break;
	unlock_shard(s, s->shard);
	if (s->cursor == 0)
		s->shard++;
}

/* The bytes of records by age, of some keys. */
static void
sample_ages(struct pd_save *s, uint64_t total, uint64_t *bytes)
{
	struct pd_snapshot_record r;
	struct pd_entry *e;
	struct pd_store *st;
	unsigned i, db, k, n;

	for (i = 0; i < s->stores.n; i++) {
		st = s->stores.store[i];
		lock_shard(s, i);
		for (db = 0; db < PD_STORE_DBS; db++) {
			n = (unsigned)(st->count[db] * SAMPLE / total);
			for (k = 0; k < n; k++) {
				if ((e = pd_store_random(st, db)) == NULL)
					break;
				r = describe(st, e);
				bytes[age_of(&r)] +=
				    pd_snapshot_record_size(&r) + r.vlen;
			}
		}
		unlock_shard(s, i);
	}
}

/* Where all would be more than the file may have, leave the oldest out. */
static void
choose_oldest(struct pd_save *s)
{
	uint64_t bytes[SAVE_AGES] = {0}, used = 0, keys = 0, sum = 0, all = 0;
	unsigned i;

	s->oldest = SAVE_AGES;
	for (i = 0; i < s->stores.n; i++) {
		used += s->stores.store[i]->entry_bytes;
		keys += s->stores.store[i]->total;
	}
	if (s->cfg.max_bytes == 0 || keys == 0 ||
	    used < s->cfg.max_bytes - s->cfg.max_bytes / 4)
		return;
	sample_ages(s, keys, bytes);
	for (i = 0; i < SAVE_AGES; i++)
		all += bytes[i];
	/* What a sample says is not exact: aim lower. */
	for (i = 0; i + 1 < SAVE_AGES; i++) {
		sum += bytes[i + 1];
		if (all > 0 && (double)(bytes[0] + sum) / (double)all *
				       (double)used * MARGIN >
				   (double)s->cfg.max_bytes)
			break;
	}
	s->oldest = i;
}

/* Hand closed blocks to the thread. */
static void
hand_over(struct pd_save *s)
{
	struct piece *p;

	if (s->closed.first == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	while ((p = pieces_take(&s->closed)) != NULL) {
		s->queued += piece_bytes(p);
		pieces_add(&s->queue, p);
	}
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

static void
release_list(struct pieces *l)
{
	struct piece *p;

	while ((p = pieces_take(l)) != NULL) {
		if (p->held != NULL)
			pd_store_release(p->held);
		piece_free(p);
	}
}

static void
let_go(struct pd_save *s)
{
	struct pieces done;

	pthread_mutex_lock(&s->lock);
	done = s->done;
	if (done.first == NULL)
		done.last = &done.first;
	pieces_init(&s->done);
	pthread_mutex_unlock(&s->lock);
	release_list(&done);
}

struct pd_save *
pd_save_new(const struct pd_save_config *cfg,
    const struct pd_snapshot_stores *stores, struct pd_err *err)
{
	struct pd_save *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->path = strdup(cfg->path)) == NULL) {
		free(s);
		(void)pd_err_nomem(err);
		return NULL;
	}
	s->cfg = *cfg;
	s->stores = *stores;
	s->taken = PD_SNAPSHOT_HEADER + PD_SNAPSHOT_HEAD + PD_SNAPSHOT_END;
	s->info.shards = stores->n;
	s->info.created_us = pd_clock_wall_us();
	randombytes_buf(&s->info.salt, sizeof(s->info.salt));
	pieces_init(&s->closed);
	pieces_init(&s->queue);
	pieces_init(&s->done);
	choose_oldest(s);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	if (pthread_create(&s->thread, NULL, save_writer, s) != 0) {
		(void)pd_err_set(err, "cannot start a thread");
		pd_save_free(s);
		return NULL;
	}
	s->started = true;
	return s;
}

/* The walk is over. */
static void
finish(struct pd_save *s)
{
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

static enum pd_snapshot_state
result(struct pd_save *s, struct pd_err *err)
{
	if (s->failed) {
		(void)pd_err_set(err, "%s", s->err.msg);
		return PD_SNAPSHOT_FAILED;
	}
	s->stats.blocks = s->blocks;
	s->stats.bytes = s->bytes;
	return PD_SNAPSHOT_DONE;
}

enum pd_snapshot_state
pd_save_step(struct pd_save *s, uint64_t us, struct pd_err *err)
{
	const uint64_t until = pd_clock_mono_us() + us;
	bool finished, full;

	for (;;) {
		let_go(s);
		pthread_mutex_lock(&s->lock);
		finished = s->finished;
		full = s->queued >= QUEUE_MOST;
		pthread_mutex_unlock(&s->lock);
		if (finished)
			return result(s, err);
		if (s->nomem) {
			(void)pd_err_nomem(err);
			return PD_SNAPSHOT_FAILED;
		}
		if (full)
			return PD_SNAPSHOT_WAIT;
		if (s->shard < s->stores.n) {
			walk(s);
		} else if (s->stats.records == 0 && s->stats.left_out > 0) {
			(void)pd_err_set(err,
			    "there is no room for a key in %llu bytes",
			    (unsigned long long)s->cfg.max_bytes);
			return PD_SNAPSHOT_FAILED;
		} else if (s->flushed < SAVE_AGES) {
			close_block(s, s->flushed++);
		} else {
			finish(s);
			return PD_SNAPSHOT_WAIT;
		}
		hand_over(s);
		if (pd_clock_mono_us() >= until)
			return PD_SNAPSHOT_MORE;
	}
}

const struct pd_save_stats *
pd_save_stats(const struct pd_save *s)
{
	return &s->stats;
}

size_t
pd_save_memory(struct pd_save *s)
{
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = sizeof(*s) + s->open_bytes + s->queued;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void
pd_save_free(struct pd_save *s)
{
	unsigned i;

	if (s == NULL)
		return;
	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->cancelled = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	release_list(&s->closed);
	release_list(&s->queue);
	release_list(&s->done);
	for (i = 0; i < SAVE_AGES; i++)
		pd_buf_release(&s->open[i].data);
	pd_buf_release(&s->packed);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}
