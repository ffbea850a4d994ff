/*
 * The index of a recorded directory: made anew from the segments, or shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "data/recorder.h"
#include "data/segment.h"
#include "io/json.h"
#include "sample.h"

static bool list_only;

const struct pd_opt sample_index_opts[] = {
    {'l', "list", NULL, PD_OPT_FLAG, &list_only, NULL,
	"show what the index has, write nothing"},
    SAMPLE_JSON_OPT,
    PD_OPT_END,
};

static void
put(struct pd_json *j, const char *key, uint64_t v)
{
	pd_json_key(j, key);
	pd_json_u64(j, v);
}

static void
put_json(struct pd_buf *out, const struct pd_segment *s)
{
	struct pd_json j;

	pd_json_init(&j, out);
	pd_json_open(&j, '{');
	pd_json_key(&j, "segment");
	pd_json_str(&j, s->name);
	pd_json_key(&j, "known");
	pd_json_bool(&j, s->known);
	put(&j, "bytes", s->bytes);
	put(&j, "events", s->events);
	put(&j, "lost", s->lost);
	put(&j, "t_first_us", s->t_first_us);
	put(&j, "t_last_us", s->t_last_us);
	put(&j, "closed_us", s->closed_us);
	pd_json_close(&j, '}');
	pd_buf_addc(out, '\n');
}

static void
put_text(struct pd_buf *out, const struct pd_segment *s)
{
	if (s->known)
		pd_buf_printf(out,
		    "%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
		    "\t%" PRIu64 "\n",
		    s->name, s->bytes, s->events, s->lost, s->t_first_us,
		    s->t_last_us);
	else
		pd_buf_printf(
		    out, "%s\t%" PRIu64 "\t?\t?\t?\t?\n", s->name, s->bytes);
}

static int
show(const struct pd_segments *l)
{
	struct pd_buf out = PD_BUF_INIT;
	int rc;

	for (size_t i = 0; i < l->n; i++)
		(sample_opt.json ? put_json : put_text)(&out, &l->v[i]);
	rc = out.failed ? pd_cli_failf("out of memory")
			: pd_cli_out(out.data, out.len);
	pd_buf_release(&out);
	return rc == 0 ? PD_EXIT_YES : PD_EXIT_FAIL;
}

/* Read every segment, write the index. 0 or -1. */
static int
make(struct pd_segments *l, int dirfd, struct pd_err *err)
{
	struct pd_segment_index x = {.dirfd = dirfd};

	for (size_t i = 0; i < l->n; i++)
		l->v[i].known = false;
	return pd_segment_index_write(&x, l, "predis-sample " PD_VERSION, err);
}

int
sample_index(int argc, char **argv)
{
	const int fd = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pd_segments l = PD_SEGMENTS_INIT;
	struct pd_err err = PD_ERR_INIT;
	int status = PD_EXIT_FAIL, lock = -1;
	bool busy = false;

	(void)argc;
	if (fd < 0)
		return pd_cli_failf(
		    "cannot open '%s': %s", argv[0], strerror(errno));
	if ((list_only || (lock = pd_recorder_lock(fd, &busy, &err)) >= 0) &&
	    pd_segments_load(&l, fd, !list_only, &err) == 0 &&
	    (list_only || make(&l, fd, &err) == 0)) {
		status = show(&l);
	} else {
		pd_err_prefix(&err, "'%s'", argv[0]);
		pd_cli_fail(&err);
		status = busy ? PD_EXIT_NO : PD_EXIT_FAIL;
	}
	pd_segments_release(&l);
	if (lock >= 0)
		close(lock);
	close(fd);
	return status;
}
