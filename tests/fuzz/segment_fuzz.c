/* What a recorded directory may hold besides streams: the account, index
 * blocks, names. The first byte says which. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/err.h"
#include "data/pds.h"
#include "data/pds_index.h"
#include "data/recorder_state.h"
#include "data/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
index_blocks(const uint8_t *p, size_t n)
{
	struct pd_pds_reader *r = pd_pds_reader_mem(p, n);
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_entry *e;
	struct pd_pds_block b;

	while (r != NULL && pd_pds_next(r, &b, &err) == PD_PDS_GOT) {
		e = calloc((size_t)b.nrec + 1, sizeof(*e));
		if (e != NULL && b.type == PD_PDS_INDEX &&
		    pd_pds_index_decode(&b, e) == 0 && b.nrec > 0 &&
		    e[b.nrec - 1].nrec > PD_PDS_MAX_RECORDS)
			abort();
		free(e);
	}
	pd_pds_reader_free(r);
}

/* An account is two halves of at least 16 KiB; the input is the JSON of the
 * first one. */
static void
account(const uint8_t *p, size_t n)
{
	const size_t size = n < 16384 - 64 ? 32768 : 2 * (n + 64);
	uint8_t *file = calloc(1, size);
	struct pd_err err = PD_ERR_INIT;

	if (file == NULL)
		return;
	snprintf(
	    (char *)file, 64, "PDSTATE 1 %zu %08lx", n, crc32(0, p, (uInt)n));
	memcpy(file + 64, p, n);
	json_decref(pd_recorder_state_parse(file, size, &err));
	free(file);
}

static void
name(const uint8_t *p, size_t n)
{
	char text[256];
	struct pd_segment s;
	const char *lane;

	n = n < sizeof(text) ? n : sizeof(text) - 1;
	memcpy(text, p, n);
	text[n] = '\0';
	if (pd_segment_parse(text, &s) &&
	    pd_segment_lane(s.name, &lane) > strlen(s.name))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	if (p[0] == 'i')
		index_blocks(p + 1, n - 1);
	else if (p[0] == 'a')
		account(p + 1, n - 1);
	else
		name(p + 1, n - 1);
	return 0;
}
