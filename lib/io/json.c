#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "io/json.h"

static void
sep(struct pd_json *j)
{
	if (j->comma)
		pd_buf_addc(j->out, ',');
	j->comma = true;
}

void
pd_json_init(struct pd_json *j, struct pd_buf *out)
{
	j->out = out;
	j->comma = false;
}

void
pd_json_open(struct pd_json *j, char bracket)
{
	sep(j);
	pd_buf_addc(j->out, bracket);
	j->comma = false;
}

void
pd_json_close(struct pd_json *j, char bracket)
{
	pd_buf_addc(j->out, bracket);
	j->comma = true;
}

static void
quoted(struct pd_buf *out, const uint8_t *s, size_t n)
{
	size_t len;

	pd_buf_addc(out, '"');
	while (n > 0) {
		len = pd_utf8_len(s, n);
		if (len == 0) {
			pd_buf_addstr(out, "\xef\xbf\xbd");
			len = 1;
		} else if (len > 1) {
			pd_buf_add(out, s, len);
		} else if (*s == '"' || *s == '\\') {
			pd_buf_addc(out, '\\');
			pd_buf_addc(out, (char)*s);
		} else if (*s == '\n') {
			pd_buf_addstr(out, "\\n");
		} else if (*s == '\t') {
			pd_buf_addstr(out, "\\t");
		} else if (*s < 0x20 || *s == 0x7f) {
			pd_buf_printf(out, "\\u%04x", *s);
		} else {
			pd_buf_addc(out, (char)*s);
		}
		s += len;
		n -= len;
	}
	pd_buf_addc(out, '"');
}

void
pd_json_key(struct pd_json *j, const char *key)
{
	sep(j);
	quoted(j->out, (const uint8_t *)key, strlen(key));
	pd_buf_addc(j->out, ':');
	j->comma = false;
}

void
pd_json_strn(struct pd_json *j, const char *s, size_t n)
{
	sep(j);
	quoted(j->out, (const uint8_t *)s, n);
}

void
pd_json_str(struct pd_json *j, const char *s)
{
	pd_json_strn(j, s, strlen(s));
}

void
pd_json_u64(struct pd_json *j, uint64_t v)
{
	sep(j);
	pd_buf_printf(j->out, "%" PRIu64, v);
}

void
pd_json_i64(struct pd_json *j, int64_t v)
{
	sep(j);
	pd_buf_printf(j->out, "%" PRId64, v);
}

void
pd_json_double(struct pd_json *j, double v)
{
	char t[32];
	int p;

	sep(j);
	if (!isfinite(v)) {
		pd_buf_addstr(j->out, "null");
		return;
	}
	for (p = 6; p < 17; p++) {
		snprintf(t, sizeof(t), "%.*g", p, v);
		if (strtod(t, NULL) == v)
			break;
	}
	if (p == 17)
		snprintf(t, sizeof(t), "%.17g", v);
	pd_buf_addstr(j->out, t);
}

void
pd_json_fixed(struct pd_json *j, double v, int digits)
{
	sep(j);
	if (isfinite(v))
		pd_buf_printf(j->out, "%.*f", digits, v);
	else
		pd_buf_addstr(j->out, "null");
}

void
pd_json_bool(struct pd_json *j, bool v)
{
	sep(j);
	pd_buf_addstr(j->out, v ? "true" : "false");
}

void
pd_json_null(struct pd_json *j)
{
	sep(j);
	pd_buf_addstr(j->out, "null");
}

void
pd_json_raw(struct pd_json *j, const char *p, size_t n)
{
	sep(j);
	pd_buf_add(j->out, p, n);
}
