#include <stdbool.h>
#include <string.h>

#include <zlib.h>

#include "base/endian.h"
#include "data/detect.h"
#include "data/import.h"
#include "data/import_text.h"
#include "data/logformat.h"

#define INFLATED 16384
#define MAX_FIELDS 32
#define ORACLE_RECORD 24
#define ORACLE_MIN 4 /* records that must agree */

/* Inflate the beginning of a gzip member. Bytes. */
static size_t
inflate_head(const uint8_t *p, size_t n, uint8_t *out, size_t cap)
{
	z_stream z;
	size_t got = 0;
	int rc;

	memset(&z, 0, sizeof(z));
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return 0;
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)cap;
	rc = inflate(&z, Z_SYNC_FLUSH);
	if (rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR)
		got = cap - z.avail_out;
	inflateEnd(&z);
	return got;
}

/* Times that go on, sizes, and a next access that is later or never. */
static bool
is_oracle(const uint8_t *p, size_t n)
{
	const size_t records = n / ORACLE_RECORD;
	uint32_t last = 0;

	if (records == 0 || (records < ORACLE_MIN && n % ORACLE_RECORD != 0))
		return false;
	for (size_t i = 0; i < records; i++, p += ORACLE_RECORD) {
		const uint32_t time = pd_get32(p);
		const int64_t next = (int64_t)pd_get64(p + 16);

		if (time < last || (i > 0 && time - last > 7 * 86400) ||
		    pd_get32(p + 12) > 1U << 31 ||
		    !(next == -1 || next == INT64_MAX ||
			(next > (int64_t)i && next < (int64_t)1 << 40)))
			return false;
		last = time;
	}
	return true;
}

static bool
is_text(const uint8_t *p, size_t n)
{
	return memchr(p, '\0', n) == NULL;
}

static bool
has_name(const struct pd_text_field *f, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (pd_text_field_is(f[i], name))
			return true;
	return false;
}

/* Lines with commas: Twitter's, Meta's or a csv. */
static const char *
detect_commas(char *line, size_t len)
{
	struct pd_text_field f[MAX_FIELDS];
	const int n = pd_import_text_split(line, len, f, MAX_FIELDS);
	uint64_t v;
	bool time;

	if (n < 0)
		return NULL;
	time = pd_text_field_time(f[0], 1, &v) == 0;
	if (has_name(f, n, "key"))
		return has_name(f, n, "op_count") ? "meta" : "csv";
	if (n == 7 && time && pd_text_field_u64(f[2], &v) == 0 &&
	    pd_text_field_u64(f[3], &v) == 0 && pd_text_field_op(f[5]) >= 0 &&
	    pd_text_field_u64(f[6], &v) == 0)
		return "twitter";
	if (n >= 2 && n <= 4 && time && f[1].n > 0 &&
	    (n < 3 || f[2].n == 0 || pd_text_field_u64(f[2], &v) == 0) &&
	    (n < 4 || f[3].n == 0 || pd_text_field_op(f[3]) >= 0))
		return "csv";
	return NULL;
}

/* "1339518083.107412 [0 127.0.0.1:60866] ..." */
static bool
is_monitor(const char *line)
{
	const size_t s = strspn(line, "0123456789");
	const size_t us =
	    line[s] == '.' ? strspn(line + s + 1, "0123456789") : 0;

	return s > 0 && us == 6 && strncmp(line + s + 7, " [", 2) == 0;
}

static const char *
detect_line(char *line, size_t n)
{
	static const char *const ready[] = {"nginx", "envoy", "haproxy"};

	if (line[0] == '{')
		return line[n - 1] == '}' ? "jsonl" : NULL;
	if (is_monitor(line))
		return "monitor";
	if (strncmp(line, "ts=", 3) == 0 && strstr(line, " gid=") != NULL)
		return "memcached";
	for (size_t i = 0; i < sizeof(ready) / sizeof(*ready); i++)
		if (pd_logformat_fits(ready[i], line, n))
			return ready[i];
	return detect_commas(line, n);
}

static const char *
detect_text(char *p, size_t n)
{
	char *nl;
	size_t len, line;

	for (;;) {
		nl = memchr(p, '\n', n);
		line = len = nl != NULL ? (size_t)(nl - p) : n;
		if (len > 0 && p[len - 1] == '\r')
			len--;
		/* Remarks, and the answer before what was watched. */
		if (len > 0 && p[0] != '#' &&
		    !(len == 2 && memcmp(p, "OK", 2) == 0))
			break;
		if (nl == NULL)
			return n == 0 ? "csv" : NULL; /* nothing in it */
		p += line + 1;
		n -= line + 1;
	}
	p[len] = '\0';
	return detect_line(p, len);
}

const char *
pd_detect(const uint8_t *p, size_t n)
{
	uint8_t head[INFLATED + 1];

	/* Those who read it say that it is zstd. */
	if (n >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0)
		return "csv";
	if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		n = inflate_head(p, n, head, INFLATED);
		if (n == 0)
			return NULL;
	} else {
		n = n < INFLATED ? n : INFLATED;
		memcpy(head, p, n);
	}
	if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
		memmove(head, head + 3, n -= 3); /* a byte order mark */
	if (is_text(head, n))
		return detect_text((char *)head, n);
	if (pd_vscsi_version(head, n) != 0)
		return "vscsi";
	return is_oracle(head, n) ? "oracle" : NULL;
}
