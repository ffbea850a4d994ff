#ifndef PREDIS_SAMPLE_FIRST_H
#define PREDIS_SAMPLE_FIRST_H

/*
 * Is it a tap that was connected to? A tap speaks first, with a header, unless
 * its rate is 0. A wrong address, a Redis say, is told by what it sends, or by
 * its silence, which ends nothing: a rate may be set later.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_err;

struct sample_first {
	const char *address; /* NULL: nothing is known of the source */
	uint64_t since_us;
	bool heard;
	bool told; /* that it is silent */
};

/* It is connected now; ${address} is borrowed. */
void sample_first_begin(struct sample_first *f, const char *address);
/* Say once on standard error that nothing has come for long. True from then
 * on, until something comes. */
bool sample_first_silent(struct sample_first *f);
/* ${n} bytes at ${p} have come. 0, or -1 with a message where they begin no
 * stream. */
int sample_first_bytes(
    struct sample_first *f, const uint8_t *p, size_t n, struct pd_err *err);

#endif /* PREDIS_SAMPLE_FIRST_H */
