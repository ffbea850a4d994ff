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
#include "first.h"

struct pd_keys;
struct pd_source;
struct pd_transport;

/* Those of --key-file. */
extern struct pd_keys record_keys;

#define RECORD_FROMS PD_RECORDER_SOURCES

enum record_kind {
	RECORD_TAP,  /* of predis-serve: bytes of a socket */
	RECORD_LIVE, /* data/source.h */
	RECORD_NET,  /* data/transport.h */
};

/* One --from, connected or waiting to be. */
struct record_from {
	char name[40];
	const char *address;
	enum record_kind kind;
	int number; /* in the recorder, -1 not yet */
	bool open;
	int tap; /* RECORD_TAP: its socket */
	struct sample_first first;
	struct pd_source *live;
	struct pd_transport *net;
	char *group;	   /* at the network */
	uint64_t taken;	   /* blocks of a network not acknowledged yet */
	uint64_t acked_us; /* when that was done last */
	struct pd_pds_reader *in;
	struct pd_sampler sampler; /* of what was not sampled here before */
	uint64_t stream_id;	   /* whose events came last, ... */
	int stream;		/* ... and its number in the recorder, or -1 */
	uint64_t lost, damaged; /* said by the reader so far */
	uint64_t carry;		/* lost before the first header */
	bool marked;		/* the last stream has its end marker */
	bool ever;		/* was connected once */
	bool told;		/* that it cannot be reached */
	uint64_t retry_us, wait_us;
};

/* What the options say for all of them. */
struct record_peers {
	const char *host;  /* for headers, or NULL */
	const char *group; /* of networks; NULL: made from the name */
};
extern struct record_peers record_peers;

/* NAME=ADDRESS or ADDRESS; the name is made from the address then. 0 or -1. */
int record_from_parse(
    struct record_from *f, const char *text, struct pd_err *err);
/* What to poll for reading, -1: nothing. */
int record_from_fd(const struct record_from *f);
/* Is it to be read though no descriptor says so? */
bool record_from_unpolled(const struct record_from *f);
/* What was taken is on the disk: say so to a network. */
void record_from_ack(struct record_from *f);
/* Connect, if it is time. */
void record_from_connect(struct record_from *f, struct pd_recorder *r);
/* Take what has arrived; a lost connection is taken note of. 0, or -1 having
 * reported: there is no memory. */
int record_from_read(struct record_from *f, struct pd_recorder *r);
void record_from_close(struct record_from *f, struct pd_recorder *r);

/* Print the account of a recorded directory as JSON. An exit status. */
int record_stat(const char *dir);

#endif /* PREDIS_SAMPLE_RECORD_H */
