/*
 * The first line of the input as a pattern, the others as lines of a log; and
 * each line as one of nginx, Envoy and HAProxy.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/detect.h"
#include "data/event.h"
#include "data/logformat.h"
#include "data/logpattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct pd_log_state state;

static void
try_line(const struct pd_logpattern *p, const char *line, size_t n)
{
	struct pd_import_key key;
	struct pd_text_field what;
	struct pd_log_values v;
	struct pd_event e;
	const char *why;
	int rc;

	if (pd_logpattern_match(p, line, n, &v) != NULL)
		return;
	for (int i = 0; i < PD_LOG_FIELDS; i++)
		assert(v.v[i].n == 0 ||
		       (v.v[i].p >= line && v.v[i].p + v.v[i].n <= line + n &&
			   v.spec[i] != NULL));
	pd_event_init(&e);
	rc = pd_log_event(&state, &v, &e, &key, &why, &what);
	assert(rc != PD_LOG_EVENT || (key.p != NULL && e.op < PD_OP_MAX));
	assert(rc != PD_LOG_REJECT || why != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pd_err err = PD_ERR_INIT;
	char *const text = malloc(n + 1);
	struct pd_logpattern *pattern;
	char *line, *nl;

	if (text == NULL)
		abort();
	(void)pd_detect(p, n < PD_DETECT_BYTES ? n : PD_DETECT_BYTES);
	memcpy(text, p, n);
	text[n] = '\0';
	line = text + strcspn(text, "\n");
	if (*line != '\0')
		*line++ = '\0';
	state.unit = PD_TIME_OWN;
	pattern = pd_logpattern_new(text, &err);
	assert(pattern != NULL || err.msg[0] != '\0');
	for (; *line != '\0'; line = nl) {
		nl = line + strcspn(line, "\n");
		if (*nl != '\0')
			*nl++ = '\0';
		if (pattern != NULL)
			try_line(pattern, line, strlen(line));
		(void)pd_logformat_fits("nginx", line, strlen(line));
		(void)pd_logformat_fits("envoy", line, strlen(line));
		(void)pd_logformat_fits("haproxy", line, strlen(line));
	}
	pd_logpattern_free(pattern);
	pd_buf_release(&state.key);
	state.key = (struct pd_buf)PD_BUF_INIT;
	free(text);
	return 0;
}
