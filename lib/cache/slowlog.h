#ifndef PD_CACHE_SLOWLOG_H
#define PD_CACHE_SLOWLOG_H

/*
 * The commands that took long, newest first, with their first words; a
 * bounded ring. Words that may be secrets are left out by who adds an entry.
 */

#include <stddef.h>
#include <stdint.h>

struct pd_arg;
struct pd_client;

#define PD_SLOWLOG_WORDS 32
#define PD_SLOWLOG_WORD_BYTES 128
#define PD_SLOWLOG_MAX 100000 /* the greatest length */

/* A command; its texts follow it in one allocation. */
struct pd_slow {
	uint64_t id;
	int64_t at_s;
	uint64_t us;
	const char *addr;
	const char *name;
	size_t bytes; /* allocated */
	uint32_t argc;
	struct {
		const char *p;
		uint32_t n;
	} argv[PD_SLOWLOG_WORDS];
};

struct pd_slowlog {
	struct pd_slow **ring; /* cap of them, max at most */
	uint32_t cap;
	uint32_t first; /* the newest */
	uint32_t len;
	uint32_t max;
	uint64_t next_id;
	size_t bytes; /* of the entries */
};

#define PD_SLOWLOG_INIT                                                        \
	{                                                                      \
		.max = 128                                                     \
	}

void pd_slowlog_release(struct pd_slowlog *l);
/* Forget all entries. */
void pd_slowlog_reset(struct pd_slowlog *l);
/* Keep at most ${max} entries (up to PD_SLOWLOG_MAX). */
void pd_slowlog_set_max(struct pd_slowlog *l, uint32_t max);
/* The i-th newest entry, i < len. */
const struct pd_slow *pd_slowlog_at(const struct pd_slowlog *l, uint32_t i);
/* Bytes allocated. */
size_t pd_slowlog_memory(const struct pd_slowlog *l);
/* Add a command that took ${us}; words from ${secret} on are told as
 * "(redacted)". Without memory it is not added. */
void pd_slowlog_add(struct pd_slowlog *l, const struct pd_client *c,
    const struct pd_arg *argv, uint32_t argc, uint32_t secret, uint64_t us);

#endif /* PD_CACHE_SLOWLOG_H */
