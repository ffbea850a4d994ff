#ifndef PREDIS_SAMPLE_RECORD_H
#define PREDIS_SAMPLE_RECORD_H

/*
 * Between the files of predis-sample record: where events come from, and what
 * is said of a recording.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "data/pds.h"
#include "data/recorder.h"
#include "data/sample.h"

struct pd_keys;

/* Those of --key-file. */
extern struct pd_keys record_keys;

#define RECORD_FROMS PD_RECORDER_SOURCES

/* One --from: a tap or another source, connected or waiting to be. */
struct record_from {
	char name[40];
	const char *address;
	int number; /* in the recorder, -1 not yet */
	int fd;	    /* -1: not connected */
	struct pd_pds_reader *in;
	struct pd_sampler sampler; /* of what comes from a tap */
	uint64_t stream_id;	   /* whose events came last, ... */
	int stream;		/* ... and its number in the recorder, or -1 */
	uint64_t lost, damaged; /* said by the reader so far */
	uint64_t carry;		/* lost before the first header */
	bool marked;		/* the last stream has its end marker */
	bool ever;		/* was connected once */
	bool told;		/* that it cannot be reached */
	uint64_t retry_us, wait_us;
};

/* NAME=ADDRESS or ADDRESS; the name is made from the address then. 0 or -1. */
int record_from_parse(
    struct record_from *f, const char *text, struct pd_err *err);
/* Connect, if it is time. */
void record_from_connect(struct record_from *f, struct pd_recorder *r);
/* Take what has arrived; a lost connection is taken note of. 0, or -1 having
 * reported: there is no memory. */
int record_from_read(struct record_from *f, struct pd_recorder *r);
void record_from_close(struct record_from *f, struct pd_recorder *r);

/* Print the account of a recorded directory as JSON. An exit status. */
int record_stat(const char *dir);

#endif /* PREDIS_SAMPLE_RECORD_H */
