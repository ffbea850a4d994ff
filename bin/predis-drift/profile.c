#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "drift.h"
#include "model/profiler.h"

static struct {
	const char *out;
} opt = {NULL};

const struct pd_opt profile_opts[] = {
    {'o', "output", "FILE", PD_OPT_STR, &opt.out, NULL,
	"write the profile to FILE (default standard output)"},
    PD_OPT_END,
};

static int
learn(void *cookie, const float *value)
{
	return pd_profiler_add(cookie, value);
}

static int
count(void *cookie, const float *value)
{
	pd_profile_add(cookie, value);
	return 0;
}

static int
write_out(const struct pd_profile *p)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf b = PD_BUF_INIT;

	if (opt.out != NULL) {
		if (pd_profile_write(p, opt.out, &err))
			return pd_cli_fail(&err);
		return PD_EXIT_YES;
	}
	pd_profile_encode(p, &b);
	return finish(&b, PD_EXIT_YES);
}

/* Learn cuts, then count: the descriptor is read twice. */
static int
two_passes(int fd, const char *name)
{
	struct pd_profiler *learner = pd_profiler_new(NULL, PD_FEATURES);
	struct pd_profile *p = NULL;
	struct rows_info info;
	int status;

	if (learner == NULL)
		return pd_cli_failf("out of memory");
	status = rows_each(fd, name, learn, learner, &info);
	if (status != PD_EXIT_YES)
		goto out;
	if (info.rows == 0) {
		pd_cli_note("'%s' holds no rows", name);
		status = PD_EXIT_UNKNOWN;
		goto out;
	}
	if ((p = pd_profiler_finish(learner)) == NULL) {
		status = pd_cli_failf("out of memory");
		goto out;
	}
	if (lseek(fd, 0, SEEK_SET) != 0) {
		status = pd_cli_failf("cannot read '%s' again", name);
		goto out;
	}
	p->scheme = info.scheme;
	p->rate = info.rate;
	p->capacity = info.capacity;
	p->t_first_us = info.t_first_us;
	p->t_last_us = info.t_last_us;
	status = rows_each(fd, name, count, p, &info);
	if (status == PD_EXIT_YES)
		status = write_out(p);
out:
	pd_profiler_free(learner);
	free(p);
	return status;
}

int
profile_run(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	int fd, status;

	(void)argc;
	if (opt.out != NULL && strcmp(opt.out, "-") == 0)
		opt.out = NULL;
	if (opt.out == NULL && isatty(STDOUT_FILENO))
		return pd_cli_usage("a profile is not text: give -o FILE or a "
				    "redirection");
	if ((fd = rows_open(argv[0], true, &err)) < 0)
		return pd_cli_fail(&err);
	status = two_passes(fd, argv[0]);
	close(fd);
	return status;
}
