#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/endian.h"
#include "base/err.h"
#include "data/event.h"
#include "data/import.h"

#define RECORD 24
#define ZSTD_MAGIC 0xfd2fb528U

struct oracle {
	gzFile gz;
	char *name;
	enum pd_timeunit unit;
	uint64_t records;
	char key[24];
};

static void
oracle_close(void *src)
{
	struct oracle *o = src;

	if (o == NULL)
		return;
	if (o->gz != NULL)
		gzclose_r(o->gz);
	free(o->name);
	free(o);
}

static void *
oracle_open(
    const char *path, const struct pd_evreader_opts *opts, struct pd_err *err)
{
	const bool in = strcmp(path, "-") == 0;
	struct oracle *o;
	int fd;

	if ((o = calloc(1, sizeof(*o))) == NULL ||
	    (o->name = strdup(in ? "standard input" : path)) == NULL) {
		pd_err_nomem(err);
		goto err0;
	}
	o->unit = opts->unit;
	fd = in ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		pd_err_sys(err, "cannot open '%s'", path);
		goto err0;
	}
	if ((o->gz = gzdopen(fd, "rb")) == NULL) {
		close(fd);
		pd_err_nomem(err);
		goto err0;
	}
	gzbuffer(o->gz, 1 << 17);
	return o;
err0:
	oracle_close(o);
	return NULL;
}

static int
oracle_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct oracle *o = src;
	uint8_t b[RECORD];
	const int n = gzread(o->gz, b, RECORD);
	int code = Z_OK;

	if (n < RECORD)
		(void)gzerror(o->gz, &code);
	if (n == 0 && (code == Z_OK || code == Z_STREAM_END))
		return 0;
	if (n != RECORD)
		return pd_err_set(err,
		    "%s: record %llu at byte %llu is cut short", o->name,
		    (unsigned long long)o->records,
		    (unsigned long long)o->records * RECORD);
	if (o->records == 0 && pd_get32(b) == ZSTD_MAGIC)
		return pd_err_set(err,
		    "%s is compressed with zstd: pipe it through zstd -dc",
		    o->name);
	e->time_us = (uint64_t)pd_get32(b) * 1000000;
	if (o->unit == PD_TIME_SEQ)
		e->time_us = o->records;
	else if (o->unit == PD_TIME_MS)
		e->time_us = (uint64_t)pd_get32(b) * 1000;
	else if (o->unit == PD_TIME_US)
		e->time_us = pd_get32(b);
	e->size = pd_get32(b + 12);
	e->op = PD_OP_GET;
	o->records++;
	key->n = (size_t)snprintf(o->key, sizeof(o->key), "%llu",
	    (unsigned long long)pd_get64(b + 4));
	key->p = o->key;
	return 1;
}

static uint64_t
oracle_offset(const void *src)
{
	const struct oracle *o = src;

	return (uint64_t)gzoffset(o->gz);
}

const struct pd_import pd_import_oracle = {.name = "oracle",
    .unit = PD_TIME_S,
    .open = oracle_open,
    .next = oracle_next,
    .offset = oracle_offset,
    .close = oracle_close};
