/*
 * Operands of the readers: files, and directories that predis-sample record
 * filled, which stand for their segments.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/segment.h"
#include "sample.h"

struct operands {
	char **v;
	int n, cap;
};

/* Append "DIR/NAME", or ${dir} alone. */
static int
add(struct operands *o, const char *dir, const char *name)
{
	const size_t n = strlen(dir) + (name ? strlen(name) : 0) + 2;
	char **v;

	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 64;
		v = realloc(o->v, (size_t)o->cap * sizeof(*v));
		if (v == NULL)
			return pd_cli_failf("out of memory"), -1;
		o->v = v;
	}
	if ((o->v[o->n] = malloc(n)) == NULL)
		return pd_cli_failf("out of memory"), -1;
	snprintf(
	    o->v[o->n++], n, "%s%s%s", dir, name ? "/" : "", name ? name : "");
	return 0;
}

static int
add_segments(
    struct operands *o, const char *dir, uint64_t from_us, uint64_t to_us)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pd_segments l = PD_SEGMENTS_INIT;
	struct pd_err err = PD_ERR_INIT;
	int rc = 0;

	if (fd < 0)
		return pd_cli_failf(
			   "cannot open '%s': %s", dir, strerror(errno)),
		       -1;
	if (pd_segments_load(&l, fd, false, &err)) {
		pd_err_prefix(&err, "'%s'", dir);
		rc = pd_cli_fail(&err);
	} else if (l.n == 0) {
		rc = pd_cli_failf("'%s' holds no segment", dir);
	}
	for (size_t i = 0; i < l.n && rc == 0; i++)
		if (pd_segment_overlaps(&l.v[i], from_us, to_us))
			rc = add(o, dir, l.v[i].name);
	pd_segments_release(&l);
	close(fd);
	return rc ? -1 : 0;
}

char **
sample_operands(int *argc, char **argv, uint64_t from_us, uint64_t to_us)
{
	struct operands o = {NULL, 0, 0};
	struct stat st;
	int rc = 0;

	if (*argc == 0)
		rc = add(&o, "-", NULL);
	for (int i = 0; i < *argc && rc == 0; i++)
		if (strcmp(argv[i], "-") != 0 && stat(argv[i], &st) == 0 &&
		    S_ISDIR(st.st_mode))
			rc = add_segments(&o, argv[i], from_us, to_us);
		else
			rc = add(&o, argv[i], NULL);
	if (rc == 0 && o.n == 0)
		rc = pd_cli_failf("no segment is of this time");
	if (rc == 0) {
		*argc = o.n;
		return o.v;
	}
	while (o.n > 0)
		free(o.v[--o.n]);
	free(o.v);
	return NULL;
}

void
sample_operands_free(int argc, char **operands)
{
	while (argc > 0)
		free(operands[--argc]);
	free(operands);
}

bool
sample_growing(const char *path)
{
	const size_t n = strlen(path), k = strlen(PD_SEGMENT_PART);

	return n > k && strcmp(path + n - k, PD_SEGMENT_PART) == 0;
}
