#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "data/pds.h"
#include "drift.h"
#include "io/spool.h"

int
rows_open(const char *path, bool twice, struct pd_err *err)
{
	const bool input = strcmp(path, "-") == 0;
	int fd, out;

	fd = input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pd_err_sys(err, "cannot open '%s'", path);
	if (!twice || lseek(fd, 0, SEEK_CUR) >= 0)
		return fd;
	out = pd_spool(fd, err);
	close(fd);
	return out;
}

static void
report_damage(const struct pd_pds_reader *r, const char *name)
{
	const struct pd_pds_damage *list;
	struct pd_pds_stats st;
	const size_t n = pd_pds_damage(r, &list);

	pd_pds_reader_stats(r, &st);
	if (n > 0)
		pd_cli_note("'%s' is damaged in %llu places, first at offset "
			    "%llu (%s): %llu rows lost",
		    name, (unsigned long long)st.damaged,
		    (unsigned long long)list[0].offset, list[0].what,
		    (unsigned long long)st.records_lost);
	if (st.truncated)
		pd_cli_note("'%s' has no end marker: it was cut short", name);
}

/* By key, or everything: all accesses of the keys that are there. */
static bool
whole_keys(enum pd_scheme s)
{
	return s == PD_SAMPLE_NONE || s == PD_SAMPLE_KEY;
}

bool
schemes_match(enum pd_scheme a, enum pd_scheme b)
{
	return a == b || (whole_keys(a) && whole_keys(b));
}

/* Is the stream that a row belongs to one that we can use? An exit status. */
static int
check_meta(
    const struct pd_pds_meta *m, const char *name, struct rows_info *info)
{
	if (m->feature_schema != info->schema_id)
		return pd_cli_failf(
		    "'%s' holds features of another feature table", name);
	if (info->has_meta && !schemes_match(m->scheme, info->scheme)) {
		pd_cli_note("'%s' mixes sampling by %s and by %s", name,
		    pd_scheme_name(info->scheme), pd_scheme_name(m->scheme));
		return PD_EXIT_UNKNOWN;
	}
	info->has_meta = true;
	info->scheme = m->scheme;
	info->rate = m->rate;
	info->capacity =
	    m->capacity_objects > 0 ? m->capacity_objects : m->capacity_bytes;
	return PD_EXIT_YES;
}

static off_t
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

static int
take_row(struct pd_pds_reader *r, const struct pd_pds_row *row,
    const char *name, struct rows_info *info)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(r);

	if (info->rows == 0)
		info->t_first_us = info->t_last_us = row->time_us;
	if (row->time_us < info->t_first_us)
		info->t_first_us = row->time_us;
	if (row->time_us > info->t_last_us)
		info->t_last_us = row->time_us;
	info->rows++;
	return m != NULL ? check_meta(m, name, info) : PD_EXIT_YES;
}

int
rows_each(int fd, const char *name, int (*fn)(void *cookie, const float *value),
    void *cookie, struct rows_info *info)
{
	const uint64_t total = (uint64_t)size_of(fd);
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_reader *r;
	struct pd_pds_stats st;
	struct pd_pds_row row;
	int got = PD_PDS_EOF, status = PD_EXIT_YES;

	memset(info, 0, sizeof(*info));
	info->schema_id = pd_feature_schema_id();
	if ((r = pd_pds_reader_fd(fd)) == NULL)
		return pd_cli_failf("out of memory");
	while (status == PD_EXIT_YES &&
	       (got = pd_pds_next_row(r, &row, &err)) == PD_PDS_GOT) {
		status = take_row(r, &row, name, info);
		if (status == PD_EXIT_YES && fn(cookie, row.value))
			status = pd_cli_failf("out of memory");
		if (info->rows % 65536 == 0)
			pd_cli_progress(name, pd_pds_reader_offset(r), total);
	}
	pd_cli_progress_end();
	pd_pds_reader_stats(r, &st);
	if (got == -1)
		status = pd_cli_fail(&err);
	else if (status == PD_EXIT_YES && st.blocks == 0 && st.bytes > 0)
		status = pd_cli_failf("'%s' is no PDS stream", name);
	else if (status == PD_EXIT_YES && info->rows == 0 && st.records > 0)
		status = pd_cli_failf("'%s' holds no features: make them with "
				      "'predis-sample features'",
		    name);
	else if (status == PD_EXIT_YES)
		report_damage(r, name);
	pd_pds_reader_free(r);
	return status;
}
