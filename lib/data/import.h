#ifndef PD_DATA_IMPORT_H
#define PD_DATA_IMPORT_H

/*
 * The formats that pd_evreader_open() knows besides PDS: each fills in what
 * its source has of an event, and the key's bytes; ticks, identities and
 * hashes are the event reader's work.
 */

#include <stddef.h>
#include <stdint.h>

#include "data/evreader.h"

struct pd_err;
struct pd_event;

/* A key in the source, borrowed until the next call. */
struct pd_import_key {
	const char *p;
	size_t n;
	unsigned db; /* of the server that was asked; 0 where there is none */
};

struct pd_import {
	const char *name;
	/* NULL with a message. */
	void *(*open)(
	    const char *path, enum pd_timeunit unit, struct pd_err *err);
	/* 1, 0 at the end, -1 with a message. ${e} comes initialised. */
	int (*next)(void *src, struct pd_event *e, struct pd_import_key *key,
	    struct pd_err *err);
	/* Bytes of the input handled. */
	uint64_t (*offset)(const void *src);
	/* Records of the source that stand for no access. */
	uint64_t (*ignored)(const void *src);
	void (*close)(void *src);
};

/* "time,key,size,op", lines of text, gzip or not. */
extern const struct pd_import pd_import_csv;
/* libCacheSim's oracleGeneral: 24 bytes a record, little-endian: u32 time in
 * seconds, u64 object, u32 size, i64 next access (not used). gzip or not. */
extern const struct pd_import pd_import_oracle;
/* What redis-cli MONITOR prints. */
extern const struct pd_import pd_import_monitor;

#endif /* PD_DATA_IMPORT_H */
