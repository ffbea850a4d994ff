/*
 * split_shards IN PREFIX N: the events of IN as a server with N shards would
 * give them. PREFIX.whole.pds holds all of them, as one tap of the whole server
 * does; PREFIX.0.pds ... are those of each shard, as N recorders would have
 * them. A key belongs to one shard.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "data/event.h"
#include "data/evreader.h"
#include "data/pds.h"

#define MAX 64
#define TIES 1024 /* events at one time */

static struct {
	struct pd_event e;
	uint32_t shard;
} tie[TIES];
static unsigned ties;

/* Write the events at one time, by shard. */
static int
flush_ties(struct pd_pds_writer *w, uint32_t n, struct pd_err *err)
{
	for (uint32_t shard = 0; shard < n; shard++)
		for (unsigned i = 0; i < ties; i++) {
			if (tie[i].shard != shard)
				continue;
			pd_pds_shard(w, shard);
			if (pd_pds_add(w, &tie[i].e, err))
				return -1;
		}
	ties = 0;
	return 0;
}

static struct pd_pds_writer *
open_writer(const char *prefix, const char *name, uint32_t shard, uint32_t n,
    const struct pd_pds_meta *from)
{
	struct pd_pds_wopts o = {0};
	struct pd_buf json = PD_BUF_INIT;
	struct pd_pds_meta m = *from;
	struct pd_pds_writer *w;
	char path[4096];

	snprintf(path, sizeof(path), "%s.%s.pds", prefix, name);
	o.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	m.shard = shard;
	m.shards = n;
	snprintf(m.tool, sizeof(m.tool), "predis-sample " PD_VERSION);
	if (o.fd < 0 || (w = pd_pds_writer_new(&o, NULL)) == NULL ||
	    pd_pds_meta_encode(&m, &json) ||
	    pd_pds_header(w, (const char *)json.data, json.len, NULL)) {
		perror(path);
		exit(2);
	}
	pd_buf_release(&json);
	return w;
}

int
main(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_writer *w[MAX + 1] = {NULL};
	const uint32_t n = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	struct pd_evreader *r;
	struct pd_event e;
	char name[16];
	int rc;

	if (n == 0 || n > MAX ||
	    (r = pd_evreader_open(argv[1], NULL, NULL, PD_TIME_S, &err)) ==
		NULL) {
		fprintf(stderr, "split_shards IN PREFIX N: %s\n", err.msg);
		return 2;
	}
	while ((rc = pd_evreader_next(r, &e, &err)) > 0) {
		const uint32_t shard = (uint32_t)(pd_mix64(e.key) % n);

		for (uint32_t i = 0; i <= n && w[n] == NULL; i++) {
			snprintf(name, sizeof(name), "%u", (unsigned)i);
			w[i] = open_writer(argv[2], i == n ? "whole" : name,
			    i == n ? 0 : i, n, pd_evreader_meta(r));
		}
		if ((ties == TIES ||
			(ties > 0 && tie[0].e.time_us != e.time_us)) &&
		    flush_ties(w[n], n, &err))
			break;
		tie[ties].e = e;
		tie[ties++].shard = shard;
		pd_pds_shard(w[shard], shard);
		if (pd_pds_add(w[shard], &e, &err))
			break;
	}
	if (rc > 0 || (w[n] != NULL && flush_ties(w[n], n, &err)))
		rc = -1;
	for (uint32_t i = 0; i <= n; i++)
		if (w[i] != NULL && pd_pds_end(w[i], &err))
			rc = -1;
	for (uint32_t i = 0; i <= n; i++)
		pd_pds_writer_free(w[i]);
	pd_evreader_close(r);
	if (rc < 0)
		fprintf(stderr, "split_shards: %s\n", err.msg);
	return rc < 0 ? 2 : 0;
}
