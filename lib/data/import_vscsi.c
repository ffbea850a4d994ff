/*
 * Block traces by VMware's vscsiStats, as the CloudPhysics set has them. Two
 * layouts, little-endian, told apart by the high byte of "ver" in the first
 * two records:
 *	1: u32 sn, u32 len, u32 nSG, u16 cmd, u16 ver, u64 lbn, u64 ts
 *	2: u16 cmd, u16 ver, u32 sn, u32 len, u32 nSG, u64 lbn, u64 ts, u64 rt
 * ts and rt (the time to answer) are in microseconds, len in bytes, cmd is the
 * SCSI operation. The object is the block number lbn.
 */
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
#include "data/import_text.h"

#define RECORD_1 ((size_t)32)
#define RECORD_2 ((size_t)40)

struct vscsi {
	gzFile gz;
	char *name;
	enum pd_timeunit unit;
	unsigned version; /* 0: not known yet */
	size_t record;
	uint8_t ahead[2 * RECORD_2]; /* read to tell the version */
	size_t at, end;
	uint64_t records;
	uint64_t ignored;
	char key[24];
};

static void
vscsi_close(void *src)
{
	struct vscsi *v = src;

	if (v == NULL)
		return;
	if (v->gz != NULL)
		gzclose_r(v->gz);
	free(v->name);
	free(v);
}

static void *
vscsi_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	const bool in = strcmp(path, "-") == 0;
	struct vscsi *v;
	int fd;

	if ((v = calloc(1, sizeof(*v))) == NULL ||
	    (v->name = strdup(in ? "standard input" : path)) == NULL) {
		pd_err_nomem(err);
		goto err0;
	}
	v->unit = o->unit;
	fd = in ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		pd_err_sys(err, "cannot open '%s'", path);
		goto err0;
	}
	if ((v->gz = gzdopen(fd, "rb")) == NULL) {
		close(fd);
		pd_err_nomem(err);
		goto err0;
	}
	gzbuffer(v->gz, 1 << 17);
	return v;
err0:
	vscsi_close(v);
	return NULL;
}

unsigned
pd_vscsi_version(const uint8_t *p, size_t n)
{
	if (n >= 2 * RECORD_2 && p[3] == 2 && p[RECORD_2 + 3] == 2)
		return 2;
	if (n >= 2 * RECORD_1 && p[15] == 1 && p[RECORD_1 + 15] == 1)
		return 1;
	/* A trace of one record. */
	if (n == RECORD_2 && p[3] == 2)
		return 2;
	return n == RECORD_1 && p[15] == 1 ? 1 : 0;
}

static int
find_version(struct vscsi *v, struct pd_err *err)
{
	const int n = gzread(v->gz, v->ahead, sizeof(v->ahead));
	int code = Z_OK;

	if (n < 0)
		return pd_err_set(err, "cannot read '%s': %s", v->name,
		    gzerror(v->gz, &code));
	v->end = (size_t)n;
	if (v->end >= 4 && pd_get32(v->ahead) == 0xfd2fb528U)
		return pd_err_set(err,
		    "%s is compressed with zstd: pipe it through zstd -dc",
		    v->name);
	v->version = pd_vscsi_version(v->ahead, v->end);
	v->record = v->version == 1 ? RECORD_1 : RECORD_2;
	if (v->version == 0 && v->end > 0)
		return pd_err_set(err,
		    "%s: no vscsi trace: neither version 1 nor 2 in the first "
		    "records",
		    v->name);
	return 0;
}

/* One record into ${b}. 1, 0 at the end, -1. */
static int
next_record(struct vscsi *v, uint8_t *b, struct pd_err *err)
{
	size_t n = v->end - v->at;
	int got, code = Z_OK;

	n = n < v->record ? n : v->record;
	memcpy(b, v->ahead + v->at, n);
	v->at += n;
	if (n < v->record) {
		got = gzread(v->gz, b + n, (unsigned)(v->record - n));
		if (got > 0)
			n += (size_t)got;
		(void)gzerror(v->gz, &code);
		if (n == 0 && (code == Z_OK || code == Z_STREAM_END))
			return 0;
	}
	if (n < v->record)
		return pd_err_set(err,
		    "%s: record %llu at byte %llu is cut short", v->name,
		    (unsigned long long)(v->records + v->ignored),
		    (unsigned long long)(v->records + v->ignored) * v->record);
	return 1;
}

/* READ and WRITE of 6, 10, 12, 16 bytes; others ask for no block. */
static int
scsi_op(unsigned cmd)
{
	switch (cmd & 0xff) {
	case 0x08:
	case 0x28:
	case 0xa8:
	case 0x88:
		return PD_OP_GET;
	case 0x0a:
	case 0x2a:
	case 0xaa:
	case 0x8a:
		return PD_OP_SET;
	default:
		return -1;
	}
}

static uint64_t
time_of(const struct vscsi *v, uint64_t ts)
{
	const uint64_t scale = pd_timeunit_us(v->unit);

	if (v->unit == PD_TIME_SEQ)
		return v->records;
	return ts > INT64_MAX / scale ? INT64_MAX : ts * scale;
}

static int
vscsi_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct vscsi *v = src;
	uint8_t b[RECORD_2];
	uint64_t rt;
	bool one;
	int rc, op;

	if (v->version == 0 && v->records == 0 && find_version(v, err))
		return -1;
	if (v->version == 0)
		return 0;
	one = v->version == 1;
	for (;;) {
		if ((rc = next_record(v, b, err)) != 1)
			return rc;
		if ((op = scsi_op(pd_get16(b + (one ? 12 : 0)))) >= 0)
			break;
		v->ignored++;
	}
	e->op = (uint8_t)op;
	e->size = pd_get32(b + (one ? 4 : 8));
	e->time_us = time_of(v, pd_get64(b + 24));
	if (!one) {
		rt = pd_get64(b + 32);
		e->latency_us = rt > UINT32_MAX ? UINT32_MAX : (uint32_t)rt;
	}
	v->records++;
	key->n = (size_t)snprintf(v->key, sizeof(v->key), "%llu",
	    (unsigned long long)pd_get64(b + 16));
	key->p = v->key;
	return 1;
}

static uint64_t
vscsi_offset(const void *src)
{
	return (uint64_t)gzoffset(((const struct vscsi *)src)->gz);
}

static uint64_t
vscsi_ignored(const void *src)
{
	return ((const struct vscsi *)src)->ignored;
}

const struct pd_import pd_import_vscsi = {.name = "vscsi",
    .unit = PD_TIME_US,
    .open = vscsi_open,
    .next = vscsi_next,
    .offset = vscsi_offset,
    .ignored = vscsi_ignored,
    .close = vscsi_close};
