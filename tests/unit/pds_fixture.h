#ifndef TEST_PDS_FIXTURE_H
#define TEST_PDS_FIXTURE_H

/* A writer that writes into memory, for tests of PDS streams. */

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "data/pds.h"

#define HEADER "{\"source\":\"test\"}"

static inline struct pd_pds_writer *
begin(struct pd_buf *out, bool bare, uint32_t block_records)
{
	struct pd_pds_wopts o = {
	    .out = out, .bare = bare, .block_records = block_records};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, NULL);

	assert_non_null(w);
	assert_int_equal(pd_pds_header(w, HEADER, strlen(HEADER), NULL), 0);
	return w;
}

static inline void
end(struct pd_pds_writer *w)
{
	assert_int_equal(pd_pds_end(w, NULL), 0);
	pd_pds_writer_free(w);
}

#endif /* TEST_PDS_FIXTURE_H */
