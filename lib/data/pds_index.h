#ifndef PD_DATA_PDS_INDEX_H
#define PD_DATA_PDS_INDEX_H

/*
 * The columns of an X block, predis-stream(5): one entry for each block of an
 * indexed stream, with where it is and what times it holds.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "data/pds_format.h"

#define PD_PDS_INDEX_COLUMNS 5

struct pd_pds_index {
	struct pd_buf col[PD_PDS_INDEX_COLUMNS]; /* in order of id */
	uint64_t at[3];			/* last offset, first time, last time */
	uint64_t t_first_us, t_last_us; /* of all blocks with records */
	uint32_t n;
};

#define PD_PDS_INDEX_INIT                                                      \
	{                                                                      \
		{PD_BUF_INIT, PD_BUF_INIT, PD_BUF_INIT, PD_BUF_INIT,           \
		    PD_BUF_INIT},                                              \
		    {0, 0, 0}, 0, 0, 0                                         \
	}

/* One entry, as read. */
struct pd_pds_entry {
	uint64_t offset;
	uint64_t t_first_us;
	uint64_t t_last_us;
	uint32_t nrec;
	uint8_t type;
};

void pd_pds_index_release(struct pd_pds_index *x);
/* Forget the entries, keep the memory. */
void pd_pds_index_clear(struct pd_pds_index *x);
/* Add a block: offset, times, nrec and type are used. Lack of memory shows in
 * pd_pds_index_payload(). */
void pd_pds_index_add(struct pd_pds_index *x, const struct pd_pds_block *b);
/* Append the payload of an X block of x->n records to ${out}, for
 * pd_pds_block(); with ${text} (or NULL) of ${n} bytes as its TEXT column. 0,
 * or -1 out of memory. */
int pd_pds_index_payload(const struct pd_pds_index *x, const char *text,
    size_t n, struct pd_buf *out);
/* The entries of an X block: b->nrec of them into ${e}. 0, or -1: the columns
 * disagree with one another, or there is no memory. */
int pd_pds_index_decode(const struct pd_pds_block *b, struct pd_pds_entry *e);

#endif /* PD_DATA_PDS_INDEX_H */
