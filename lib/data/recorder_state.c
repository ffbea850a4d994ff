/*
 * The account in state.json. The file has two halves, written in turn in place,
 * each a line "PDSTATE number length crc" and a JSON object: a kill while one
 * is written leaves the other, a full disk is no obstacle, as the room was
 * taken at the beginning, and what was written survives the process without
 * fsync.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <zlib.h>

#include "base/err.h"
#include "data/recorder_priv.h"
#include "data/recorder_state.h"
#include "io/fd.h"
#include "io/json.h"
#include "io/jsonin.h"

#define MAGIC "PDSTATE"
#define HEAD 64 /* bytes for the line */
#define TEMPORARY ".state.tmp"
#define SLOT_MIN 16384
#define SLOT_MAX (1u << 22)

static const char *const lost_keys[PD_LOST_CAUSES] = {
    "lost_source", "lost_gap", "lost_damaged", "lost_disk", "lost_killed"};
static const char *const gone_keys[PD_GONE_CAUSES] = {"age", "bytes", "full"};

static void
put(struct pd_json *j, const char *key, uint64_t v)
{
	pd_json_key(j, key);
	pd_json_u64(j, v);
}

static void
put_lane(struct pd_json *j, const struct pd_lane *l)
{
	char hex[17];
	size_t n = PD_RECORDER_SHARDS;

	pd_json_open(j, '{');
	pd_json_key(j, "source");
	pd_json_str(j, l->source);
	pd_json_key(j, "scheme");
	pd_json_str(j, l->scheme);
	put(j, "shard", l->shard);
	pd_json_key(j, "rate");
	pd_json_double(j, l->has_header ? l->meta.rate : 0);
	pd_json_key(j, "segment");
	pd_json_str(j, l->segment);
	put(j, "segment_bytes", l->size);
	put(j, "segment_events", l->accepted);
	put(j, "waiting", l->accepted - l->written);
	put(j, "segment_lost", l->lost);
	put(j, "missed_accesses", l->missed);
	snprintf(hex, sizeof(hex), "%016" PRIx64, l->run_id);
	pd_json_key(j, "run_id");
	pd_json_str(j, hex);
	pd_json_key(j, "accesses");
	pd_json_open(j, '[');
	while (n > 0 && l->last[n - 1] == 0)
		n--;
	for (size_t i = 0; i < n; i++)
		pd_json_u64(j, l->last[i]);
	pd_json_close(j, ']');
	pd_json_close(j, '}');
}

static void
put_source(struct pd_json *j, const struct pd_recorder_source *s)
{
	pd_json_open(j, '{');
	pd_json_key(j, "name");
	pd_json_str(j, s->name);
	pd_json_key(j, "connected");
	pd_json_bool(j, s->connected);
	put(j, "connects", s->connects);
	put(j, "ends_unmarked", s->unclean);
	pd_json_close(j, '}');
}

static void
put_counts(struct pd_json *j, const struct pd_recorder *r)
{
	char key[40];

	put(j, "events_received", r->received);
	for (int i = 0; i < PD_LOST_CAUSES; i++)
		put(j, lost_keys[i], r->lost[i]);
	for (int i = 0; i < PD_GONE_CAUSES; i++) {
		snprintf(key, sizeof(key), "deleted_%s_segments", gone_keys[i]);
		put(j, key, r->gone_segments[i]);
		snprintf(key, sizeof(key), "deleted_%s_events", gone_keys[i]);
		put(j, key, r->gone_events[i]);
		snprintf(key, sizeof(key), "deleted_%s_bytes", gone_keys[i]);
		put(j, key, r->gone_bytes[i]);
	}
	put(j, "batches", r->batches);
	put(j, "segments_finished", r->finished);
}

static void
encode(const struct pd_recorder *r, struct pd_buf *out)
{
	struct pd_json j;
	bool stuck = false;

	for (size_t i = 0; i < r->nlanes; i++)
		stuck |= r->lane[i]->stuck;
	pd_json_init(&j, out);
	pd_json_open(&j, '{');
	put(&j, "pid", (uint64_t)getpid());
	put(&j, "started_us", r->started_us);
	put(&j, "updated_us", pd_recorder_now(r));
	put_counts(&j, r);
	pd_json_key(&j, "disk_full");
	pd_json_bool(&j, stuck);
	pd_json_key(&j, "deleting");
	pd_json_str(&j, r->deleting);
	pd_json_key(&j, "sources");
	pd_json_open(&j, '[');
	for (size_t i = 0; i < r->nsources; i++)
		put_source(&j, &r->source[i]);
	pd_json_close(&j, ']');
	pd_json_key(&j, "streams");
	pd_json_open(&j, '[');
	for (size_t i = 0; i < r->nlanes; i++)
		put_lane(&j, r->lane[i]);
	pd_json_close(&j, ']');
	pd_json_close(&j, '}');
	pd_buf_addc(out, '\n');
}

/* Put ${t} into its half of the file. 0 or -1. */
static int
put_half(struct pd_recorder *r, int fd, size_t slot, const struct pd_buf *t)
{
	return r->io.pwrite(r->io.cookie, fd, t->data, t->len,
		   (off_t)(r->state_seq % 2 * slot)) == (ssize_t)t->len
		   ? 0
		   : -1;
}

/* A new file with halves of ${slot} bytes, and ${t} in one of them, takes the
 * place of the old one. 0 or -1. */
static int
replace(struct pd_recorder *r, size_t slot, const struct pd_buf *t)
{
	static const uint8_t zeros[4096];
	int fd, rc = 0;

	fd = openat(r->dirfd, TEMPORARY,
	    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -1;
	for (size_t at = 0; at < 2 * slot && rc == 0; at += sizeof(zeros))
		if (r->io.pwrite(r->io.cookie, fd, zeros, sizeof(zeros),
			(off_t)at) != (ssize_t)sizeof(zeros))
			rc = -1;
	if (rc || put_half(r, fd, slot, t) ||
	    renameat(r->dirfd, TEMPORARY, r->dirfd, PD_RECORDER_STATE)) {
		unlinkat(r->dirfd, TEMPORARY, 0);
		close(fd);
		return -1;
	}
	close(r->statefd);
	r->statefd = fd;
	r->state_slot = slot;
	return 0;
}

void
pd_recorder_save(struct pd_recorder *r)
{
	char head[HEAD + 1];
	struct pd_buf *t = &r->text;
	size_t slot = r->state_slot ? r->state_slot : SLOT_MIN;
	int n;

	if (!r->dirty)
		return;
	pd_buf_clear(t);
	/* The line is filled in when the length is known. */
	for (int i = 0; i < HEAD; i++)
		pd_buf_addc(t, ' ');
	encode(r, t);
	while (slot < t->len && slot < SLOT_MAX)
		slot *= 2;
	if (t->failed || t->len > slot)
		return;
	r->state_seq++;
	n = snprintf(head, sizeof(head), MAGIC " %" PRIu64 " %zu %08lx",
	    r->state_seq, t->len - HEAD,
	    crc32(0, t->data + HEAD, (uInt)(t->len - HEAD)));
	memcpy(t->data, head, (size_t)n);
	t->data[HEAD - 1] = '\n';
	if ((slot == r->state_slot ? put_half(r, r->statefd, slot, t)
				   : replace(r, slot, t)) == 0)
		r->dirty = false;
}

/* The half at ${p}: its number, 0 when it is none. */
static uint64_t
half(const uint8_t *p, size_t slot, const char **json, size_t *len)
{
	char line[HEAD], *at = line + strlen(MAGIC);
	uint64_t seq, n, crc;

	memcpy(line, p, HEAD - 1);
	line[HEAD - 1] = '\0';
	if (strncmp(line, MAGIC " ", strlen(MAGIC) + 1) != 0)
		return 0;
	seq = strtoull(at, &at, 10);
	n = strtoull(at, &at, 10);
	crc = strtoull(at, &at, 16);
	if (n > slot - HEAD || crc32(0, p + HEAD, (uInt)n) != crc)
		return 0;
	*json = (const char *)p + HEAD;
	*len = (size_t)n;
	return seq;
}

/* The newer half of a file. Its number, 0 when there is none. */
static uint64_t
newest(const uint8_t *p, size_t n, const char **json, size_t *len)
{
	const size_t slot = n / 2;
	const char *other;
	uint64_t a, b;
	size_t m;

	if (slot < SLOT_MIN)
		return 0;
	a = half(p, slot, json, len);
	b = half(p + slot, slot, &other, &m);
	if (b > a) {
		*json = other;
		*len = m;
	}
	return a > b ? a : b;
}

static int
read_all(int fd, struct pd_buf *out, struct pd_err *err)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return pd_err_sys(err, "cannot read " PD_RECORDER_STATE);
	if (st.st_size > 2 * (off_t)SLOT_MAX)
		return pd_err_set(err, PD_RECORDER_STATE " is too long");
	if (pd_buf_reserve(out, (size_t)st.st_size + 1))
		return pd_err_nomem(err);
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    (n = pd_read_full(fd, out->data, (size_t)st.st_size)) < 0)
		return pd_err_sys(err, "cannot read " PD_RECORDER_STATE);
	out->len = (size_t)n;
	return 0;
}

json_t *
pd_recorder_state_parse(const void *p, size_t n, struct pd_err *err)
{
	static const struct pd_jsonin_limits limits = {SLOT_MAX, 4096, 65536};
	const char *json;
	size_t len;

	if (newest(p, n, &json, &len) == 0) {
		pd_err_set(err, PD_RECORDER_STATE " holds no account");
		return NULL;
	}
	return pd_jsonin_parse(json, len, &limits, err);
}

json_t *
pd_recorder_state_read(int dirfd, struct pd_err *err)
{
	struct pd_buf file = PD_BUF_INIT;
	json_t *o = NULL;
	int fd;

	fd =
	    openat(dirfd, PD_RECORDER_STATE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		pd_err_sys(err, "cannot open " PD_RECORDER_STATE);
		return NULL;
	}
	/* Who reads while it is written may find neither half: once more. */
	for (int i = 0; i < 3 && o == NULL; i++) {
		pd_buf_clear(&file);
		if (read_all(fd, &file, err))
			break;
		o = pd_recorder_state_parse(file.data, file.len, err);
	}
	close(fd);
	pd_buf_release(&file);
	return o;
}

static uint64_t
get(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) && json_integer_value(v) > 0
		   ? (uint64_t)json_integer_value(v)
		   : 0;
}

static int
get_lane(struct pd_recorder *r, const json_t *o, struct pd_err *err)
{
	const char *source = pd_jsonin_str(o, "source");
	const char *scheme = pd_jsonin_str(o, "scheme");
	const char *segment = pd_jsonin_str(o, "segment");
	const char *run = pd_jsonin_str(o, "run_id");
	const json_t *last = json_object_get(o, "accesses");
	struct pd_segment s;
	struct pd_lane *l;

	if (source == NULL || !pd_segment_stream_ok(source) || scheme == NULL ||
	    !pd_segment_stream_ok(scheme))
		return 0;
	l = pd_lane_get(r, source, scheme, (uint32_t)get(o, "shard"), err);
	if (l == NULL)
		return -1;
	if (segment != NULL && pd_segment_parse(segment, &s))
		memcpy(l->segment, s.name, sizeof(l->segment));
	l->accepted = get(o, "segment_events");
	l->lost = get(o, "segment_lost");
	l->missed = get(o, "missed_accesses");
	if (run != NULL)
		l->run_id = strtoull(run, NULL, 16);
	for (size_t i = 0; i < json_array_size(last) && i < PD_RECORDER_SHARDS;
	     i++)
		l->last[i] =
		    (uint64_t)json_integer_value(json_array_get(last, i));
	return 0;
}

static int
get_all(struct pd_recorder *r, const json_t *o, struct pd_err *err)
{
	const json_t *lanes = json_object_get(o, "streams");
	const json_t *sources = json_object_get(o, "sources");
	const char *deleting = pd_jsonin_str(o, "deleting");
	struct pd_segment s;
	char key[40];

	r->received = get(o, "events_received");
	for (int i = 0; i < PD_LOST_CAUSES; i++)
		r->lost[i] = get(o, lost_keys[i]);
	for (int i = 0; i < PD_GONE_CAUSES; i++) {
		snprintf(key, sizeof(key), "deleted_%s_segments", gone_keys[i]);
		r->gone_segments[i] = get(o, key);
		snprintf(key, sizeof(key), "deleted_%s_events", gone_keys[i]);
		r->gone_events[i] = get(o, key);
		snprintf(key, sizeof(key), "deleted_%s_bytes", gone_keys[i]);
		r->gone_bytes[i] = get(o, key);
	}
	r->finished = get(o, "segments_finished");
	if (deleting != NULL && pd_segment_parse(deleting, &s))
		memcpy(r->deleting, s.name, sizeof(r->deleting));
	for (size_t i = 0; i < json_array_size(sources); i++) {
		const json_t *one = json_array_get(sources, i);
		const char *name = pd_jsonin_str(one, "name");
		int k;

		if (name == NULL || !pd_segment_stream_ok(name))
			continue;
		if ((k = pd_recorder_source(r, name, err)) < 0)
			return -1;
		r->source[k].connects = get(one, "connects");
		r->source[k].unclean = get(one, "ends_unmarked");
	}
	for (size_t i = 0; i < json_array_size(lanes); i++)
		if (get_lane(r, json_array_get(lanes, i), err))
			return -1;
	return 0;
}

int
pd_recorder_load(struct pd_recorder *r, struct pd_err *err)
{
	struct pd_buf file = PD_BUF_INIT;
	const char *json;
	json_t *o = NULL;
	size_t n;
	int rc = -1;

	r->dirty = true;
	if (read_all(r->statefd, &file, err))
		goto out;
	r->state_seq = newest(file.data, file.len, &json, &n);
	if (r->state_seq == 0) {
		/* A new directory, or one whose account is gone. */
		rc = 0;
		goto out;
	}
	r->state_slot = file.len / 2;
	o = pd_recorder_state_parse(file.data, file.len, err);
	if (o != NULL)
		rc = get_all(r, o, err);
out:
	json_decref(o);
	pd_buf_release(&file);
	return rc;
}
