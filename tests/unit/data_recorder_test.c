#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "data/event.h"
#include "data/pds.h"
#include "data/recorder.h"
#include "data/recorder_state.h"
#include "data/segment.h"

#define MINUTE UINT64_C(60000000)
#define HOUR (60 * MINUTE)
#define START UINT64_C(1795478400000000) /* 2026-11-24T00:00Z */
#define RUNS 64

/*
 * A server whose accesses are numbered, a disk that can be full, and a clock.
 * An event's size is its number within the run of the server, and its client
 * is the run.
 */
struct world {
	char dir[64];
	int dirfd;
	uint64_t now;
	uint64_t room; /* bytes of segments; 0: no limit */
	unsigned syncs;
	struct pd_rng rng;
	uint32_t run;
	uint64_t tick;
	uint64_t sent[RUNS];
	uint64_t sent_all;
	struct pd_recorder *r;
	int source, stream;
	struct pd_recorder_limits limits;
};

static uint64_t
clock_us(void *cookie)
{
	return ((struct world *)cookie)->now;
}

/* What all segments take. */
static uint64_t
used(const struct world *w)
{
	struct dirent *e;
	struct stat st;
	uint64_t n = 0;
	DIR *d = opendir(w->dir);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".pds") != NULL &&
		    fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			n += (uint64_t)st.st_size;
	closedir(d);
	return n;
}

/* A disk takes what fits, and then refuses. */
static ssize_t
disk_pwrite(void *cookie, int fd, const void *p, size_t n, off_t at)
{
	const struct world *w = cookie;
	struct stat st;
	uint64_t full;

	assert_int_equal(fstat(fd, &st), 0);
	if (w->room > 0 && at + (off_t)n > st.st_size && st.st_size != 32768) {
		full = used(w);
		if (full >= w->room) {
			errno = ENOSPC;
			return -1;
		}
		if (n > w->room - full)
			n = (size_t)(w->room - full);
	}
	return pwrite(fd, p, n, at);
}

static int
disk_fsync(void *cookie, int fd)
{
	(void)fd;
	((struct world *)cookie)->syncs++;
	return 0;
}

static void
begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "/tmp/recorder.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY);
	assert_true(w->dirfd >= 0);
	w->now = START;
	pd_rng_init(&w->rng, 5);
	pd_recorder_limits_init(&w->limits);
}

static void
end(struct world *w)
{
	struct dirent *e;
	DIR *d = fdopendir(w->dirfd);

	rewinddir(d);
	while ((e = readdir(d)) != NULL)
		unlinkat(w->dirfd, e->d_name, 0);
	closedir(d);
	assert_int_equal(rmdir(w->dir), 0);
}

/* The header of the server's present run. */
static void
hello(struct world *w)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_meta m;

	pd_pds_meta_init(&m);
	snprintf(m.source, sizeof(m.source), "predis-serve");
	m.run_id = w->run + 100;
	m.start_us = w->now;
	w->stream = pd_recorder_header(w->r, w->source, &m, &err);
	assert_true(w->stream >= 0);
}

static void
connect_server(struct world *w)
{
	pd_recorder_connected(w->r, w->source);
	hello(w);
}

/* Start a recorder. */
static void
start(struct world *w)
{
	struct pd_recorder_opts o = {.dir = w->dir,
	    .tool = "test 1",
	    .limits = w->limits,
	    .io = {w, disk_pwrite, disk_fsync, NULL, clock_us}};
	struct pd_err err = PD_ERR_INIT;
	bool busy;

	w->r = pd_recorder_open(&o, &busy, &err);
	if (w->r == NULL)
		print_error("%s\n", err.msg);
	assert_non_null(w->r);
	w->source = pd_recorder_source(w->r, "web", &err);
	connect_server(w);
}

/* The server is asked ${n} times; the recorder hears it, or not. */
static void
ask(struct world *w, unsigned n, bool heard)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e[64];

	assert_true(n <= 64);
	for (unsigned i = 0; i < n; i++) {
		pd_event_init(&e[i]);
		e[i].tick = ++w->tick;
		e[i].time_us = w->now;
		e[i].key = pd_rng_u64(&w->rng);
		e[i].size = (uint32_t)w->tick;
		e[i].client = w->run;
	}
	w->sent[w->run] += n;
	w->sent_all += n;
	if (heard)
		assert_int_equal(
		    pd_recorder_events(w->r, w->stream, e, NULL, n, &err), 0);
}

static void
new_run(struct world *w)
{
	w->run++;
	assert_true(w->run < RUNS);
	w->tick = 0;
}

static uint64_t
account(const struct world *w, const char *key)
{
	struct pd_err err = PD_ERR_INIT;
	json_t *o = pd_recorder_state_read(w->dirfd, &err);
	json_t *v;
	uint64_t n;

	assert_non_null(o);
	v = json_object_get(o, key);
	assert_true(json_is_integer(v));
	n = (uint64_t)json_integer_value(v);
	json_decref(o);
	return n;
}

struct found {
	uint64_t events, lost, segments, growing;
	uint8_t *seen[RUNS]; /* by number */
};

/* Read every segment: no event may be there twice, nothing be damaged. */
static void
find_all(const struct world *w, struct found *f)
{
	struct pd_segments l = PD_SEGMENTS_INIT;
	struct pd_err err = PD_ERR_INIT;

	memset(f, 0, sizeof(*f));
	for (int i = 0; i < RUNS; i++)
		assert_non_null(f->seen[i] = calloc(w->sent[i] + 2, 1));
	assert_int_equal(pd_segments_load(&l, w->dirfd, false, &err), 0);
	for (size_t i = 0; i < l.n; i++) {
		const int fd = openat(w->dirfd, l.v[i].name, O_RDONLY);
		struct pd_pds_reader *r = pd_pds_reader_fd(fd);
		struct pd_pds_stats s;
		struct pd_event e;
		int rc;

		assert_non_null(r);
		while ((rc = pd_pds_next_event(r, &e, &err)) == PD_PDS_GOT) {
			assert_true(e.client < RUNS);
			assert_true(e.size <= w->sent[e.client]);
			assert_int_equal(f->seen[e.client][e.size], 0);
			f->seen[e.client][e.size] = 1;
		}
		assert_int_equal(rc, PD_PDS_EOF);
		pd_pds_reader_stats(r, &s);
		if (!l.v[i].growing)
			assert_int_equal(s.damaged, 0);
		f->events += s.records;
		f->lost += s.source_lost;
		f->segments++;
		f->growing += l.v[i].growing;
		if (l.v[i].known) {
			assert_int_equal(l.v[i].events, s.records);
			assert_int_equal(l.v[i].lost, s.source_lost);
		}
		pd_pds_reader_free(r);
		close(fd);
	}
	pd_segments_release(&l);
}

static void
forget(struct found *f)
{
	for (int i = 0; i < RUNS; i++)
		free(f->seen[i]);
}

/* Every event is in one segment or counted, by cause; ${gap} holds too. */
static void
check_account(const struct world *w, bool deleted)
{
	const uint64_t gone = account(w, "deleted_age_events") +
			      account(w, "deleted_bytes_events") +
			      account(w, "deleted_full_events");
	const uint64_t missing = account(w, "lost_gap") +
				 account(w, "lost_disk") +
				 account(w, "lost_killed");
	struct found f;

	find_all(w, &f);
	assert_int_equal(f.events + gone + missing, w->sent_all);
	if (!deleted) {
		assert_int_equal(gone, 0);
		/* What segments say is lost is what the account says. */
		assert_int_equal(f.lost, missing);
	}
	forget(&f);
}

/* Batches leave by number and by time, segments end on the hour. */
static void
test_batches(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;
	struct found f;

	(void)state;
	begin(&w);
	w.limits.batch_events = 100;
	start(&w);
	ask(&w, 60, true);
	pd_recorder_turn(w.r);
	assert_int_equal(used(&w), 0); /* not even a file */
	ask(&w, 40, true);
	find_all(&w, &f);
	assert_int_equal(f.events, 100);
	assert_int_equal(f.growing, 1);
	forget(&f);
	ask(&w, 1, true);
	assert_int_equal(pd_recorder_due(w.r), 1000000);
	w.now += MINUTE - 1;
	pd_recorder_turn(w.r);
	find_all(&w, &f);
	assert_int_equal(f.events, 100);
	forget(&f);
	assert_int_equal(pd_recorder_due(w.r), 1);
	w.now += 1;
	assert_int_equal(pd_recorder_due(w.r), 0);
	pd_recorder_turn(w.r);
	find_all(&w, &f);
	assert_int_equal(f.events, 101);
	forget(&f);
	ask(&w, 7, true);
	w.now = START + HOUR;
	pd_recorder_turn(w.r);
	find_all(&w, &f);
	assert_int_equal(f.events, 108);
	assert_int_equal(f.segments, 1);
	assert_int_equal(f.growing, 0);
	forget(&f);
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	check_account(&w, false);
	assert_int_equal(account(&w, "events_received"), 108);
	assert_int_equal(account(&w, "segments_finished"), 1);
	end(&w);
}

static void
test_lock(void **state)
{
	struct pd_recorder_opts o = {.tool = "test 1"};
	struct pd_err err = PD_ERR_INIT;
	struct world w;
	bool busy;

	(void)state;
	begin(&w);
	start(&w);
	o.dir = w.dir;
	o.limits = w.limits;
	assert_true(pd_recorder_held(w.dirfd));
	assert_null(pd_recorder_open(&o, &busy, &err));
	assert_true(busy);
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	assert_false(pd_recorder_held(w.dirfd));
	end(&w);
}

/* A kill loses the batch, says so, and the gap is counted by ticks. */
static void
test_kill(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;

	(void)state;
	begin(&w);
	w.limits.batch_events = 10;
	start(&w);
	ask(&w, 10, true);
	ask(&w, 4, true);
	pd_recorder_turn(w.r);
	pd_recorder_abandon(w.r);
	ask(&w, 30, false);
	start(&w);
	assert_int_equal(account(&w, "lost_killed"), 4);
	ask(&w, 5, true);
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	assert_int_equal(account(&w, "lost_gap"), 30);
	check_account(&w, false);
	/* Nothing is counted twice by one that is killed at once. */
	for (int i = 0; i < 3; i++) {
		start(&w);
		pd_recorder_abandon(w.r);
	}
	check_account(&w, false);
	end(&w);
}

/* A kill at any byte of a block that is being written. */
static void
test_torn(void **state)
{
	struct pd_segments l = PD_SEGMENTS_INIT;
	struct pd_err err = PD_ERR_INIT;
	struct world w;

	(void)state;
	for (off_t cut = 1; cut < 2000; cut += 37) {
		struct stat st;

		begin(&w);
		w.limits.batch_events = 10;
		start(&w);
		for (int i = 0; i < 6; i++)
			ask(&w, 10, true);
		pd_recorder_turn(w.r);
		pd_recorder_abandon(w.r);
		assert_int_equal(pd_segments_load(&l, w.dirfd, false, &err), 0);
		assert_int_equal(l.n, 1);
		assert_true(l.v[0].growing);
		assert_int_equal(fstatat(w.dirfd, l.v[0].name, &st, 0), 0);
		if (cut < st.st_size) {
			const int fd = openat(w.dirfd, l.v[0].name, O_RDWR);

			assert_int_equal(ftruncate(fd, st.st_size - cut), 0);
			close(fd);
		}
		pd_segments_release(&l);
		start(&w);
		assert_true(
		    cut >= st.st_size || account(&w, "lost_killed") >= 10);
		ask(&w, 3, true);
		assert_int_equal(pd_recorder_close(w.r, &err), 0);
		check_account(&w, false);
		end(&w);
	}
}

/* Another run of the server: its ticks begin anew. */
static void
test_server_restart(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;

	(void)state;
	begin(&w);
	start(&w);
	ask(&w, 20, true);
	pd_recorder_gone(w.r, w.source, true);
	new_run(&w);
	ask(&w, 50, false); /* more than before: no tick goes back */
	connect_server(&w);
	ask(&w, 5, true);
	pd_recorder_gone(w.r, w.source, true);
	ask(&w, 9, false); /* only the connection broke */
	connect_server(&w);
	ask(&w, 1, true);
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	assert_int_equal(account(&w, "lost_gap"), 59);
	check_account(&w, false);
	end(&w);
}

static void
test_retention(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;
	struct found f;

	(void)state;
	begin(&w);
	w.limits.max_age_us = 3 * HOUR;
	start(&w);
	for (int h = 0; h < 10; h++) {
		ask(&w, 30, true);
		w.now += HOUR;
		pd_recorder_turn(w.r);
	}
	find_all(&w, &f);
	assert_int_equal(f.segments, 4); /* ended 0, 1, 2 and 3 hours ago */
	forget(&f);
	assert_int_equal(account(&w, "deleted_age_segments"), 6);
	assert_int_equal(account(&w, "deleted_age_events"), 180);
	w.limits.max_age_us = 0;
	w.limits.max_bytes = used(&w) / 2;
	pd_recorder_limits(w.r, &w.limits);
	pd_recorder_turn(w.r);
	assert_true(used(&w) <= w.limits.max_bytes);
	assert_int_equal(account(&w, "deleted_bytes_segments"), 2);
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	check_account(&w, true);
	end(&w);
}

/* With --max-bytes alone a stream that never pauses is cut into parts. */
static void
test_max_bytes_cuts(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;

	(void)state;
	begin(&w);
	w.limits.max_bytes = 40000;
	w.limits.batch_events = 20;
	start(&w);
	for (int i = 0; i < 1000; i++) {
		ask(&w, 20, true);
		w.now += 1000;
		pd_recorder_turn(w.r);
		assert_true(used(&w) <= w.limits.max_bytes);
	}
	assert_true(used(&w) > w.limits.max_bytes / 2);
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	check_account(&w, true);
	end(&w);
}

static void
test_full_stop(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;

	(void)state;
	begin(&w);
	w.limits.on_full = PD_FULL_STOP;
	w.limits.batch_events = 10;
	w.limits.segment_us = MINUTE;
	start(&w);
	for (int i = 0; i < 300; i++) {
		if (i == 50)
			w.room = used(&w) + 100;
		if (i == 200)
			w.room = 0;
		ask(&w, 10, true);
		w.now += UINT64_C(10000000);
		pd_recorder_turn(w.r);
	}
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	/* About half was left out; the batch that waited was not. */
	assert_in_range(account(&w, "lost_disk"), 1450, 1510);
	check_account(&w, false);
	end(&w);
}

static void
test_full_at_the_end(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;

	(void)state;
	begin(&w);
	w.limits.on_full = PD_FULL_STOP;
	start(&w);
	ask(&w, 20, true);
	pd_recorder_flush(w.r);
	w.room = used(&w);
	ask(&w, 20, true);
	assert_int_equal(pd_recorder_close(w.r, &err), -1);
	assert_int_equal(account(&w, "lost_disk"), 20);
	w.room = 0;
	start(&w); /* adopts what has no end */
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	assert_int_equal(account(&w, "lost_killed"), 0);
	check_account(&w, false);
	end(&w);
}

static void
test_full_oldest(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;
	struct found f;

	(void)state;
	begin(&w);
	w.limits.batch_events = 10;
	w.limits.segment_us = MINUTE;
	w.room = 20000;
	start(&w);
	for (int i = 0; i < 500; i++) {
		ask(&w, 10, true);
		w.now += UINT64_C(10000000);
		pd_recorder_turn(w.r);
	}
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	assert_true(account(&w, "deleted_full_segments") > 10);
	assert_int_equal(account(&w, "lost_disk"), 0);
	find_all(&w, &f);
	assert_int_equal(f.seen[0][5000], 1); /* the newest is there */
	forget(&f);
	check_account(&w, true);
	end(&w);
}

/* Nothing but the growing segment fills the disk: it is begun anew. */
static void
test_full_of_one(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;

	(void)state;
	begin(&w);
	w.limits.batch_events = 10;
	w.room = 8000;
	start(&w);
	for (int i = 0; i < 200; i++) {
		ask(&w, 10, true);
		pd_recorder_turn(w.r);
	}
	w.room = 0;
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	assert_true(account(&w, "deleted_full_segments") >= 3);
	check_account(&w, true);
	end(&w);
}

/* The index is right after anything; gone, torn or foreign it is made anew. */
static void
test_index(void **state)
{
	struct pd_segments l = PD_SEGMENTS_INIT;
	struct pd_err err = PD_ERR_INIT;
	struct world w;
	int fd;

	(void)state;
	begin(&w);
	start(&w);
	for (int round = 0; round < 4; round++) {
		ask(&w, 30, true);
		w.now += HOUR;
		pd_recorder_turn(w.r);
		assert_int_equal(pd_segments_load(&l, w.dirfd, true, &err), 0);
		assert_int_equal(l.n, (size_t)round + 1);
		for (size_t i = 0; i < l.n; i++) {
			assert_true(l.v[i].known);
			assert_int_equal(l.v[i].events, 30);
			assert_int_equal(l.v[i].t_first_us, START + i * HOUR);
			assert_int_equal(l.blocks[i].n, 3); /* H E Z */
			assert_true(pd_segment_overlaps(
			    &l.v[i], START + i * HOUR, START + i * HOUR));
			assert_false(pd_segment_overlaps(
			    &l.v[i], START + i * HOUR + 1, UINT64_MAX));
		}
		pd_segments_release(&l);
		if (round == 0)
			unlinkat(w.dirfd, PD_SEGMENT_INDEX, 0);
		if (round == 1) {
			fd = openat(w.dirfd, PD_SEGMENT_INDEX, O_RDWR);
			assert_int_equal(ftruncate(fd, 100), 0);
			close(fd);
		}
		if (round == 2) {
			fd =
			    openat(w.dirfd, PD_SEGMENT_INDEX, O_RDWR | O_TRUNC);
			assert_int_equal(write(fd, "nothing", 7), 7);
			close(fd);
		}
		pd_recorder_abandon(w.r);
		start(&w);
	}
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	end(&w);
}

static void
test_names(void **state)
{
	char name[PD_SEGMENT_NAME_MAX];
	struct pd_segment s;
	const char *lane;

	(void)state;
	pd_segment_name(name, START, "web", "key", 3);
	assert_string_equal(name, "20261124T000000.000000Z-web-key-3.pds");
	assert_true(pd_segment_parse(name, &s));
	assert_false(s.growing);
	assert_int_equal(s.opened_us, START);
	assert_int_equal(pd_segment_lane(name, &lane), 9);
	assert_memory_equal(lane, "web-key-3", 9);
	assert_true(
	    pd_segment_parse("20261124T000000.000000Z-web-key-3.pds.part", &s));
	assert_true(s.growing);
	assert_false(pd_segment_parse("index.pdx", &s));
	assert_false(pd_segment_parse("20261324T000000.000000Z-a.pds", &s));
	assert_false(pd_segment_parse("20261124T000000.000000Z-.pds", &s));
	assert_false(pd_segment_parse("20261124T000000.000000Z-a.pdx", &s));
	assert_true(pd_segment_stream_ok("a.b_C9"));
	assert_false(pd_segment_stream_ok(""));
	assert_false(pd_segment_stream_ok("a-b"));
	assert_false(pd_segment_stream_ok("../x"));
}

/* A change of header ends a stream; no (stream_id, seq) comes twice. */
static void
test_headers(void **state)
{
	struct pd_segments l = PD_SEGMENTS_INIT;
	struct pd_err err = PD_ERR_INIT;
	uint64_t ids[64];
	size_t n = 0;
	struct world w;

	(void)state;
	begin(&w);
	w.limits.batch_events = 5;
	start(&w);
	for (int i = 0; i < 10; i++) {
		ask(&w, 5, true);
		w.now += 1;
		if (i % 2)
			hello(&w);
		if (i == 5)
			pd_recorder_rotate(w.r);
	}
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	check_account(&w, false);
	assert_int_equal(pd_segments_load(&l, w.dirfd, false, &err), 0);
	assert_int_equal(l.n, 2);
	for (size_t i = 0; i < l.n; i++) {
		const int fd = openat(w.dirfd, l.v[i].name, O_RDONLY);
		struct pd_pds_reader *r = pd_pds_reader_fd(fd);
		struct pd_pds_block b;

		while (pd_pds_next(r, &b, &err) == PD_PDS_GOT)
			if (b.type == PD_PDS_HEADER)
				ids[n++] = b.stream_id;
		pd_pds_reader_free(r);
		close(fd);
	}
	assert_int_equal(n, 5);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(ids[i], ids[k]);
	pd_segments_release(&l);
	end(&w);
}

/* What may happen in ten seconds of a day. */
static void
misfortune(struct world *w)
{
	const uint32_t dice = pd_rng_below(&w->rng, 1000);

	if (dice < 4) { /* kill -9 amid work, and nobody for a while */
		ask(w, pd_rng_below(&w->rng, 64), true);
		pd_recorder_abandon(w->r);
		ask(w, pd_rng_below(&w->rng, 64), false);
		start(w);
	} else if (dice < 7) { /* the server starts anew */
		pd_recorder_gone(w->r, w->source, true);
		if (w->run + 1 < RUNS)
			new_run(w);
		ask(w, pd_rng_below(&w->rng, 64), false);
		connect_server(w);
	} else if (dice < 9) {
		struct pd_err err = PD_ERR_INIT;

		pd_recorder_close(w->r, &err);
		start(w);
	} else if (dice < 12) {
		w->room = w->room ? 0 : used(w) + 500;
	} else if (dice < 15) {
		pd_recorder_rotate(w->r);
	}
	/* Known at once, so that a second misfortune cannot hide it. */
	ask(w, 1, true);
}

/* A day of misfortunes; of ${seed}. */
static void
day(uint64_t seed, bool keep)
{
	struct pd_err err = PD_ERR_INIT;
	struct world w;

	begin(&w);
	pd_rng_init(&w.rng, seed);
	w.limits.batch_events = 50 + pd_rng_below(&w.rng, 200);
	w.limits.on_full = keep || seed % 2 ? PD_FULL_STOP : PD_FULL_OLDEST;
	if (!keep) {
		w.limits.max_age_us = 8 * HOUR;
		w.limits.max_bytes = 200000;
	}
	start(&w);
	for (int i = 0; i < 8640; i++) {
		ask(&w, pd_rng_below(&w.rng, 12), true);
		w.now += UINT64_C(10000000);
		pd_recorder_turn(w.r);
		misfortune(&w);
	}
	w.room = 0;
	w.now += 2000000;
	pd_recorder_turn(w.r);
	ask(&w, 1, true);
	assert_int_equal(pd_recorder_close(w.r, &err), 0);
	check_account(&w, !keep);
	assert_true(account(&w, "lost_killed") > 0);
	assert_true(account(&w, "lost_gap") > 0);
	assert_true(account(&w, "lost_disk") > 0 || !w.limits.on_full);
	end(&w);
}

static void
test_days(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		day(seed, true);
		day(seed, false);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_batches),
	    cmocka_unit_test(test_lock),
	    cmocka_unit_test(test_kill),
	    cmocka_unit_test(test_torn),
	    cmocka_unit_test(test_server_restart),
	    cmocka_unit_test(test_retention),
	    cmocka_unit_test(test_max_bytes_cuts),
	    cmocka_unit_test(test_full_stop),
	    cmocka_unit_test(test_full_at_the_end),
	    cmocka_unit_test(test_full_oldest),
	    cmocka_unit_test(test_full_of_one),
	    cmocka_unit_test(test_index),
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
