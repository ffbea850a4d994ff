/*
 * Loading a snapshot while serving. The thread reads, checks and unpacks
 * blocks, a few ahead; the owner takes records over in slices, a lock for
 * each, since neighbours in a block belong to different stores.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "cache/snapshot_load.h"
#include "cache/store.h"

#define AHEAD_BLOCKS 8
#define AHEAD_BYTES (8u << 20)
#define RECORDS 16 /* between looks at the clock */

struct pd_load {
	struct pd_snapshot_stores stores;
	struct pd_snapshot_reader *reader;
	struct pd_load_stats stats;
	/* The block that is taken over. */
	struct pd_snapshot_block *block;
	uint32_t at;
	bool over; /* nothing more is wanted */
	/* Shared. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct pd_snapshot_block *first;
	struct pd_snapshot_block **last;
	unsigned ahead;
	size_t bytes;
	bool cancelled;
	bool finished;
	pthread_t thread;
	bool started;
};

static size_t
block_bytes(const struct pd_snapshot_block *b)
{
	return sizeof(*b) + b->data.cap + b->records * sizeof(*b->at) +
	       (b->large != NULL ? b->data.len : 0);
}

/* Pass a block on, when there is room. False: no more are wanted. */
static bool
pass(struct pd_load *l, struct pd_snapshot_block *b)
{
	bool wanted;

	pthread_mutex_lock(&l->lock);
	while (!l->cancelled &&
	       (l->ahead >= AHEAD_BLOCKS || l->bytes >= AHEAD_BYTES))
		pthread_cond_wait(&l->wake, &l->lock);
	wanted = !l->cancelled;
	if (wanted) {
		b->next = NULL;
		*l->last = b;
		l->last = &b->next;
		l->ahead++;
		l->bytes += block_bytes(b);
	}
	pthread_mutex_unlock(&l->lock);
	if (!wanted)
		pd_snapshot_block_free(b);
	return wanted;
}

static void *
reader(void *cookie)
{
	struct pd_load *l = cookie;
	struct pd_snapshot_block *b;

	if (pd_snapshot_survey(l->reader) == 0)
		while ((b = pd_snapshot_next(l->reader)) != NULL && pass(l, b))
			;
	pthread_mutex_lock(&l->lock);
	l->finished = true;
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void
end_restoring(struct pd_load *l)
{
	unsigned i;

	for (i = 0; i < l->stores.n; i++)
		pd_store_restore_end(l->stores.store[i]);
}

static int
begin_restoring(struct pd_load *l)
{
	unsigned i;

	for (i = 0; i < l->stores.n; i++)
		if (pd_store_restore_begin(l->stores.store[i]))
			return -1;
	return 0;
}

struct pd_load *
pd_load_new(const char *path, const struct pd_snapshot_limits *limits,
    const struct pd_snapshot_stores *stores, struct pd_err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct pd_load *l;
	int why = 0;

	if (fd < 0) {
		why = errno;
		(void)pd_err_sys(err, "cannot open '%s'", path);
		errno = why;
		return NULL;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		close(fd);
		(void)pd_err_nomem(err);
		goto err0;
	}
	l->stores = *stores;
	l->last = &l->first;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->wake, NULL);
	if ((l->reader = pd_snapshot_open(fd, limits, err)) == NULL) {
		(void)pd_err_prefix(err, "cannot read '%s'", path);
		goto err0;
	}
	if (begin_restoring(l)) {
		(void)pd_err_nomem(err);
		goto err0;
	}
	if (pthread_create(&l->thread, NULL, reader, l) != 0) {
		(void)pd_err_set(err, "cannot start a thread");
		goto err0;
	}
	l->started = true;
	return l;
err0:
	pd_load_free(l);
	errno = 0;
	return NULL;
}

/* The next block. False when there is none: *state says why. */
static bool
next_block(struct pd_load *l, enum pd_snapshot_state *state)
{
	struct pd_snapshot_block *b;

	pthread_mutex_lock(&l->lock);
	if ((b = l->first) != NULL) {
		if ((l->first = b->next) == NULL)
			l->last = &l->first;
		l->ahead--;
		l->bytes -= block_bytes(b);
		pthread_cond_signal(&l->wake);
	}
	*state = l->finished ? PD_SNAPSHOT_DONE : PD_SNAPSHOT_WAIT;
	pthread_mutex_unlock(&l->lock);
	l->block = b;
	l->at = 0;
	return b != NULL;
}

/* Ages count the ticks of a store; there may be more or fewer of them now. */
static uint32_t
rescale(const struct pd_load *l, uint32_t ticks)
{
	const uint64_t were = pd_snapshot_info(l->reader)->shards;
	uint64_t now;

	if (were == l->stores.n || were == 0)
		return ticks;
	now = ticks * were / l->stores.n;
	return now > UINT32_MAX ? UINT32_MAX : (uint32_t)now;
}

static void
take_over(struct pd_load *l, struct pd_snapshot_record *r, uint8_t **large)
{
	const unsigned i =
	    l->stores.of == NULL ? 0 : l->stores.of(l->stores.cookie, r);
	enum pd_restored what;

	r->rank.age = rescale(l, r->rank.age);
	r->rank.residence = rescale(l, r->rank.residence);
	if (l->stores.lock != NULL)
		l->stores.lock(l->stores.cookie, i);
	what = pd_store_restore(l->stores.store[i], r, large);
	if (l->stores.unlock != NULL)
		l->stores.unlock(l->stores.cookie, i);
	switch (what) {
	case PD_RESTORED:
		l->stats.loaded++;
		break;
	case PD_RESTORE_EXPIRED:
		l->stats.expired++;
		break;
	case PD_RESTORE_NEWER:
		l->stats.newer++;
		break;
	case PD_RESTORE_REFUSED:
		l->stats.refused++;
		break;
	case PD_RESTORE_END:
		l->over = true;
		break;
	}
}

static void
take_some(struct pd_load *l)
{
	struct pd_snapshot_block *b = l->block;
	struct pd_snapshot_record r;
	unsigned n;

	for (n = 0; n < RECORDS && l->at < b->records && !l->over; n++) {
		const uint32_t at = b->at[l->at++];

		if (pd_snapshot_get_record(
			b->data.data + at, b->data.len - at, &r) > 0)
			take_over(l, &r, &b->large);
	}
	if (l->at == b->records) {
		pd_snapshot_block_free(b);
		l->block = NULL;
	}
}

static void
stop_thread(struct pd_load *l)
{
	if (!l->started)
		return;
	pthread_mutex_lock(&l->lock);
	l->cancelled = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	l->started = false;
}

enum pd_snapshot_state
pd_load_step(struct pd_load *l, uint64_t us)
{
	const uint64_t until = pd_clock_mono_us() + us;
	enum pd_snapshot_state state = PD_SNAPSHOT_MORE;

	while (!l->over) {
		if (l->block == NULL && !next_block(l, &state))
			break;
		take_some(l);
		if (pd_clock_mono_us() >= until)
			return PD_SNAPSHOT_MORE;
	}
	if (!l->over && state != PD_SNAPSHOT_DONE)
		return PD_SNAPSHOT_WAIT;
	stop_thread(l);
	l->stats.read = *pd_snapshot_read_stats(l->reader);
	return l->over ? PD_SNAPSHOT_FAILED : PD_SNAPSHOT_DONE;
}

const struct pd_load_stats *
pd_load_stats(const struct pd_load *l)
{
	return &l->stats;
}

uint64_t
pd_load_created_us(const struct pd_load *l)
{
	return pd_snapshot_info(l->reader)->created_us;
}

size_t
pd_load_memory(struct pd_load *l)
{
	size_t n = sizeof(*l);
	unsigned i;

	for (i = 0; i < l->stores.n; i++) {
		if (l->stores.lock != NULL)
			l->stores.lock(l->stores.cookie, i);
		n += pd_store_restore_memory(l->stores.store[i]);
		if (l->stores.unlock != NULL)
			l->stores.unlock(l->stores.cookie, i);
	}
	pthread_mutex_lock(&l->lock);
	n += l->bytes;
	pthread_mutex_unlock(&l->lock);
	return n + (l->block != NULL ? block_bytes(l->block) : 0);
}

void
pd_load_free(struct pd_load *l)
{
	struct pd_snapshot_block *b;

	if (l == NULL)
		return;
	stop_thread(l);
	end_restoring(l);
	while ((b = l->first) != NULL) {
		l->first = b->next;
		pd_snapshot_block_free(b);
	}
	pd_snapshot_block_free(l->block);
	pd_snapshot_close(l->reader);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
