#ifndef PREDIS_SAMPLE_FEATURES_H
#define PREDIS_SAMPLE_FEATURES_H

/*
 * The verb `features`, split in two: features.c holds the options and the
 * table of slots, features_rows.c reads events and writes rows and labels.
 */

#include <stdbool.h>
#include <stdint.h>

#include "data/feature.h"

struct pd_err;
struct pd_pds_writer;

struct features_opts {
	uint64_t capacity; /* of the whole cache; 0: no miniature cache */
	bool by_bytes;	   /* it counts bytes */
	bool labels;
	bool label_ms;	  /* in milliseconds, not ticks */
	uint64_t horizon; /* in the label's unit: more is censored; 0: none */
	uint64_t keys;	  /* tracked at once */
	uint64_t slots;	  /* a bit each */
	bool quantize;
};

struct features_counts {
	uint64_t events;
	uint64_t rows;
	uint64_t labels;
	uint64_t keys_dropped;
	uint64_t anew; /* times that the sampling changed */
	bool damaged;  /* told on standard error */
};

/*
 * features_rows(path, o, w, n, err):
 * Read the events of ${path} and write a header, rows and labels to ${w},
 * which the caller ends. 0; 1 when a signal asked to stop; -1 with a message.
 */
int features_rows(const char *path, const struct features_opts *o,
    struct pd_pds_writer *w, struct features_counts *n, struct pd_err *err);

#endif /* PREDIS_SAMPLE_FEATURES_H */
