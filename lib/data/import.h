#ifndef PD_DATA_IMPORT_H
#define PD_DATA_IMPORT_H

/*
 * The formats that pd_evreader_open() knows besides PDS: each fills in what
 * its source has of an event, and the key's bytes; ticks, identities and
 * hashes are the event reader's work.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/evreader.h"

struct pd_err;
struct pd_event;

/* A key in the source, borrowed until the next call. */
struct pd_import_key {
	const char *p;
	size_t n;
	unsigned db;  /* of the server that was asked; 0 where there is none */
	bool ns_name; /* the event's ns is the hash of a name, to be keyed */
};

struct pd_import {
	const char *name;
	/* What its time counts unless somebody says otherwise. */
	enum pd_timeunit unit;
	bool wall; /* the time is that of the world */
	bool hits; /* the source may tell hits from misses */
	/* NULL with a message. ${o} is borrowed for the call; its unit is never
	 * PD_TIME_OWN. */
	void *(*open)(const char *path, const struct pd_evreader_opts *o,
	    struct pd_err *err);
	/* 1, 0 at the end, -1 with a message. ${e} comes initialised; the tick
	 * is set by the reader, unless it is a fill, which has its miss's. */
	int (*next)(void *src, struct pd_event *e, struct pd_import_key *key,
	    struct pd_err *err);
	/* Bytes of the input handled. */
	uint64_t (*offset)(const void *src);
	/* Records of the source that stand for no access. NULL: none. */
	uint64_t (*ignored)(const void *src);
	/* Lines that could not be understood. NULL: the first is an error. */
	const struct pd_rejects *(*rejects)(const void *src);
	/* Did the last record tell whether it was a hit? NULL: as hits says */
	bool (*told_hit)(const void *src);
	void (*close)(void *src);
};

/* "time,key,size,op", lines of text, gzip or not. */
extern const struct pd_import pd_import_csv;
/* libCacheSim's oracleGeneral: 24 bytes a record, little-endian: u32 time in
 * seconds, u64 object, u32 size, i64 next access (not used). gzip or not. */
extern const struct pd_import pd_import_oracle;
/* What redis-cli MONITOR prints. */
extern const struct pd_import pd_import_monitor;
/* What memcached's watch prints. */
extern const struct pd_import pd_import_memcached;
/* Block traces of VMware's vscsiStats as CloudPhysics published them: 32
 * (version 1) or 40 bytes (version 2) a record, little-endian. gzip or not. */
extern const struct pd_import pd_import_vscsi;
/* The version that its first bytes show, 0 none. */
unsigned pd_vscsi_version(const uint8_t *p, size_t n);
/* Twitter's cache-trace: timestamp, anonymized key, key size, value size,
 * client id, operation, TTL. */
extern const struct pd_import pd_import_twitter;
/* Meta's key-value traces as CacheLib's cachebench reads them: a line of names
 * first, among them key, op, size, op_count. */
extern const struct pd_import pd_import_meta;
/* Text by a pattern (data/logpattern.h), the ready ones, and JSON lines. */
extern const struct pd_import pd_import_log;
extern const struct pd_import pd_import_nginx;
extern const struct pd_import pd_import_envoy;
extern const struct pd_import pd_import_haproxy;
extern const struct pd_import pd_import_jsonl;

#endif /* PD_DATA_IMPORT_H */
