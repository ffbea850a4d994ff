#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buf.h"
#include "data/recorder_state.h"
#include "data/segment.h"
#include "io/json.h"
#include "record.h"
#include "sample.h"

static void
put(struct pd_json *j, const char *key, uint64_t v)
{
	pd_json_key(j, key);
	pd_json_u64(j, v);
}

/* What the files say, beside the account. */
static void
put_segments(struct pd_json *j, const struct pd_segments *l)
{
	uint64_t finished = 0, growing = 0, bytes = 0, events = 0, lost = 0;
	uint64_t first = 0, last = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct pd_segment *s = &l->v[i];

		growing += s->growing;
		finished += !s->growing;
		bytes += s->bytes;
		events += s->events;
		lost += s->lost;
		if (!s->known || s->events == 0)
			continue;
		if (first == 0 || s->t_first_us < first)
			first = s->t_first_us;
		if (s->t_last_us > last)
			last = s->t_last_us;
	}
	put(j, "segments", finished);
	put(j, "segments_growing", growing);
	put(j, "segments_bytes", bytes);
	put(j, "segments_events", events);
	put(j, "segments_lost", lost);
	put(j, "t_first_us", first);
	put(j, "t_last_us", last);
}

static int
print(const struct pd_segments *l, json_t *account, bool running)
{
	struct pd_buf out = PD_BUF_INIT;
	struct pd_json j;
	const char *key;
	json_t *v;
	int rc;

	pd_json_init(&j, &out);
	pd_json_open(&j, '{');
	pd_json_key(&j, "running");
	pd_json_bool(&j, running);
	put_segments(&j, l);
	json_object_foreach(account, key, v)
	{
		char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

		if (text == NULL)
			continue;
		pd_json_key(&j, key);
		pd_json_raw(&j, text, strlen(text));
		free(text);
	}
	pd_json_close(&j, '}');
	pd_buf_addc(&out, '\n');
	rc = out.failed ? -1 : pd_cli_out(out.data, out.len);
	pd_buf_release(&out);
	return rc == 0 ? PD_EXIT_YES : PD_EXIT_FAIL;
}

int
record_stat(const char *dir)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pd_segments l = PD_SEGMENTS_INIT;
	struct pd_err err = PD_ERR_INIT;
	int status = PD_EXIT_FAIL;
	json_t *account = NULL;

	if (fd < 0)
		return pd_cli_failf(
		    "cannot open '%s': %s", dir, strerror(errno));
	if ((account = pd_recorder_state_read(fd, &err)) == NULL ||
	    pd_segments_load(&l, fd, false, &err)) {
		pd_err_prefix(&err, "'%s'", dir);
		pd_cli_fail(&err);
	} else {
		status = print(&l, account, pd_recorder_held(fd));
	}
	json_decref(account);
	pd_segments_release(&l);
	close(fd);
	return status;
}
