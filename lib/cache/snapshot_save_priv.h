#ifndef PD_CACHE_SNAPSHOT_SAVE_PRIV_H
#define PD_CACHE_SNAPSHOT_SAVE_PRIV_H

/*
 * What the walk (snapshot_save.c) and the thread that writes
 * (snapshot_write.c) share: pieces of the file on their way from one to the
 * other. Each list has one owner at a time; s->lock guards those of both.
 */

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "cache/snapshot.h"
#include "cache/snapshot_save.h"

#define SAVE_AGES 256

/* A closed block. */
struct piece {
	struct piece *next;
	struct pd_buf data; /* of a held value: all that is before it */
	uint32_t records;
	uint8_t age;
	unsigned shard;
	struct pd_entry *held; /* its value follows; NULL none */
	const uint8_t *value;
	uint32_t vlen;
};

struct pieces {
	struct piece *first;
	struct piece **last;
};

struct open_block {
	struct pd_buf data;
	uint32_t records;
};

struct pd_save {
	struct pd_save_config cfg;
	char *path;
	struct pd_snapshot_stores stores;
	struct pd_snapshot_info info;
	/* The walk's. */
	unsigned shard;
	uint64_t cursor;
	unsigned flushed; /* ages whose blocks are closed after the walk */
	unsigned oldest;  /* ages beyond are left out */
	bool nomem;
	uint64_t taken; /* bytes of the file so far, unpacked */
	struct open_block open[SAVE_AGES];
	size_t open_bytes;
	struct pieces closed;
	struct pd_save_stats stats;
	/* Shared. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct pieces queue;
	size_t queued;	    /* bytes in it and at the thread */
	struct pieces done; /* with values to let go of */
	bool closing;	    /* no more pieces come */
	bool cancelled;
	bool finished; /* the thread is at its end */
	bool failed;
	struct pd_err err;
	uint64_t blocks;
	uint64_t bytes;
	/* The thread's. */
	pthread_t thread;
	bool started;
	uint64_t records;
	struct pd_buf packed;
};

static inline void
pieces_init(struct pieces *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static inline void
pieces_add(struct pieces *l, struct piece *p)
{
	p->next = NULL;
	*l->last = p;
	l->last = &p->next;
}

static inline struct piece *
pieces_take(struct pieces *l)
{
	struct piece *p = l->first;

	if (p != NULL && (l->first = p->next) == NULL)
		l->last = &l->first;
	return p;
}

static inline size_t
piece_bytes(const struct piece *p)
{
	return sizeof(*p) + p->data.cap + p->vlen;
}

static inline void
piece_free(struct piece *p)
{
	pd_buf_release(&p->data);
	free(p);
}

/* The thread: writes the file of the struct pd_save ${cookie}, ends with
 * s->finished. NULL. */
void *save_writer(void *cookie);

#endif /* PD_CACHE_SNAPSHOT_SAVE_PRIV_H */
