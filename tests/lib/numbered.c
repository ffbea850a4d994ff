/*
 * Streams whose events are numbered by their ticks, so that lost ones and
 * doubles are seen:
 *
 *	numbered write EVENTS BLOCK [GATE]
 *		to standard output, BLOCK events a block; with GATE half of
 *them, then the file GATE.half is made and GATE is waited for numbered check
 *EVENTS FILE... exit 0: each tick is in the files exactly once; 1: not, says
 *how numbered check-blocks EVENTS FILE... the same, blocks that stand in
 *several files counted once
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "data/event.h"
#include "data/pds.h"

#define BLOCKS_MAX (1 << 20)
#define GATE_TRIES 12000 /* two minutes */

static int
fail(const char *what, const char *why)
{
	fprintf(stderr, "numbered: %s: %s\n", what, why);
	return 2;
}

static void
wait_at(const char *gate)
{
	char half[512];
	struct stat st;
	int fd;

	snprintf(half, sizeof(half), "%s.half", gate);
	fd = open(half, O_CREAT | O_WRONLY, 0666);
	if (fd >= 0)
		close(fd);
	for (int i = 0; i < GATE_TRIES && stat(gate, &st) != 0; i++)
		poll(NULL, 0, 10);
}

static int
write_stream(uint64_t n, uint32_t block, const char *gate)
{
	static const char header[] = "{\"schema\":\"events\",\"source\":"
				     "\"numbered\"}";
	const struct pd_pds_wopts o = {
	    .fd = STDOUT_FILENO, .block_records = block};
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_writer *w = pd_pds_writer_new(&o, &err);
	struct pd_event e;

	if (w == NULL || pd_pds_header(w, header, strlen(header), &err))
		return fail("write", err.msg);
	pd_event_init(&e);
	for (uint64_t i = 0; i < n; i++) {
		if (gate != NULL && i == n / 2) {
			if (pd_pds_flush(w, &err))
				return fail("write", err.msg);
			wait_at(gate);
		}
		e.time_us = 1000000 + i;
		e.tick = i;
		e.key = i % 9973;
		if (pd_pds_add(w, &e, &err))
			return fail("write", err.msg);
	}
	if (pd_pds_end(w, &err))
		return fail("write", err.msg);
	pd_pds_writer_free(w);
	return 0;
}

struct tally {
	uint8_t *tick;	/* times seen, up to 255 */
	uint8_t *block; /* by seq, one stream */
	uint64_t n;
	bool once_a_block;
};

static int
count_file(struct tally *t, const char *path)
{
	struct pd_pds_reader *r;
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_block b;
	const int fd = open(path, O_RDONLY);
	const struct pd_event *e;

	if (fd < 0 || (r = pd_pds_reader_fd(fd)) == NULL)
		return fail(path, "cannot open");
	while (pd_pds_next(r, &b, &err) == PD_PDS_GOT) {
		if (b.type != PD_PDS_EVENTS || pd_pds_verify(r, &b) != 0)
			continue;
		if (b.seq < BLOCKS_MAX && t->block[b.seq]++ > 0 &&
		    t->once_a_block)
			continue;
		e = pd_pds_events(r);
		for (uint32_t i = 0; i < b.nrec; i++)
			if (e[i].tick < t->n && t->tick[e[i].tick] < 255)
				t->tick[e[i].tick]++;
	}
	pd_pds_reader_free(r);
	close(fd);
	return err.msg[0] != '\0' ? fail(path, err.msg) : 0;
}

static int
check(uint64_t n, bool once_a_block, int files, char **path)
{
	struct tally t = {.n = n, .once_a_block = once_a_block};
	uint64_t lost = 0, twice = 0;
	int rc = 0;

	t.tick = calloc(n, 1);
	t.block = calloc(BLOCKS_MAX, 1);
	if (t.tick == NULL || t.block == NULL)
		rc = fail("check", "out of memory");
	for (int i = 0; i < files && rc == 0; i++)
		rc = count_file(&t, path[i]);
	for (uint64_t i = 0; i < n && rc == 0; i++) {
		lost += t.tick[i] == 0;
		twice += t.tick[i] > 1;
	}
	free(t.tick);
	free(t.block);
	if (rc != 0)
		return rc;
	printf("events %" PRIu64 " lost %" PRIu64 " twice %" PRIu64 "\n", n,
	    lost, twice);
	return lost + twice > 0;
}

int
main(int argc, char **argv)
{
	const uint64_t n = argc > 3 ? strtoull(argv[2], NULL, 10) : 0;

	if (n > 0 && strcmp(argv[1], "write") == 0)
		return write_stream(n, (uint32_t)strtoul(argv[3], NULL, 10),
		    argc > 4 ? argv[4] : NULL);
	if (n > 0 && strcmp(argv[1], "check") == 0)
		return check(n, false, argc - 3, argv + 3);
	if (n > 0 && strcmp(argv[1], "check-blocks") == 0)
		return check(n, true, argc - 3, argv + 3);
	return fail(
	    "usage", "write EVENTS BLOCK [GATE] | check EVENTS FILE...");
}
