#include <stdlib.h>
#include <string.h>

#include "data/event.h"
#include "data/logformat.h"
#include "data/logpattern.h"

/* "combined", and the forms with a cache's word beside the address or at the
 * end; then "common". */
static const char *const nginx[] = {
    "%{client} %{hit:within} [%{time:clf}] \"%{request}\" %{status} %{size} "
    "\"%{}\" \"%{}\"%{hit:within}",
    "%{client} %{hit:within} [%{time:clf}] \"%{request}\" %{status} %{size}",
    NULL};

/* The default of Envoy, then that of Istio, which has three fields more. */
static const char *const envoy[] = {
    "[%{time:iso}] \"%{request}\" %{status} %{hit:RFCF} %{} %{size} "
    "%{latency:ms} %{}",
    "[%{time:iso}] \"%{request}\" %{status} %{hit:RFCF} %{} %{} \"%{}\" %{} "
    "%{size} %{latency:ms} %{}",
    NULL};

/* "option httplog" behind whatever syslog puts before it. */
static const char *const haproxy[] = {
    "%{}: %{client}:%{} [%{time:clf}] %{ns} %{}/%{hit:<CACHE>} "
    "%{}/%{}/%{}/%{}/%{latency:ms} %{status} %{size} %{} \"%{request}\"",
    "%{client}:%{} [%{time:clf}] %{ns} %{}/%{hit:<CACHE>} "
    "%{}/%{}/%{}/%{}/%{latency:ms} %{status} %{size} %{} \"%{request}\"",
    NULL};

const char *const *
pd_logformat_patterns(const char *name)
{
	if (strcmp(name, "nginx") == 0)
		return nginx;
	if (strcmp(name, "envoy") == 0)
		return envoy;
	return strcmp(name, "haproxy") == 0 ? haproxy : NULL;
}

bool
pd_logformat_fits(const char *name, const char *line, size_t n)
{
	const char *const *pattern = pd_logformat_patterns(name);
	struct pd_log_state *st = calloc(1, sizeof(*st));
	struct pd_log_values v;
	struct pd_import_key key;
	struct pd_text_field what;
	struct pd_logpattern *p;
	struct pd_event e;
	const char *why;
	bool fits = false;

	if (st == NULL || pattern == NULL) {
		free(st);
		return false;
	}
	st->unit = PD_TIME_OWN;
	for (; *pattern != NULL && !fits; pattern++) {
		if ((p = pd_logpattern_new(*pattern, NULL)) == NULL)
			break;
		pd_event_init(&e);
		fits = pd_logpattern_match(p, line, n, &v) == NULL &&
		       pd_log_event(st, &v, &e, &key, &why, &what) > 0;
		pd_logpattern_free(p);
	}
	pd_buf_release(&st->key);
	free(st);
	return fits;
}
