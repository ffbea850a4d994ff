#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "cache/reply.h"
#include "cache/store.h"

#define COMPACT 65536  /* written bytes kept at the front at most */
#define KEEP_CAP 65536 /* an empty buffer is not kept larger */
#define LINE 24	       /* bytes of a line with a number, at most */

void
pd_reply_init(struct pd_reply *r)
{
	memset(r, 0, sizeof(*r));
	r->resp = 2;
}

void
pd_reply_release(struct pd_reply *r)
{
	while (r->first < r->nheld)
		pd_store_release(r->held[r->first++].entry);
	free(r->held);
	pd_buf_release(&r->buf);
	pd_reply_init(r);
}

size_t
pd_reply_queued(const struct pd_reply *r)
{
	return r->buf.len - r->sent + r->held_bytes;
}

size_t
pd_reply_memory(const struct pd_reply *r)
{
	return r->buf.cap + r->cap * sizeof(*r->held);
}

static struct iovec
piece(const uint8_t *p, size_t n)
{
	return (struct iovec){(void *)(uintptr_t)p, n};
}

int
pd_reply_pieces(const struct pd_reply *r, struct iovec *iov, int max)
{
	size_t at = r->sent, skip = r->held_sent;
	uint32_t h = r->first;
	int n = 0;

	for (; h < r->nheld && n < max; h++, skip = 0) {
		if (r->held[h].at > at) {
			iov[n++] = piece(r->buf.data + at, r->held[h].at - at);
			at = r->held[h].at;
		}
		if (n < max)
			iov[n++] =
			    piece(pd_entry_value(r->held[h].entry) + skip,
				pd_entry_len(r->held[h].entry) - skip);
	}
	if (h == r->nheld && n < max && r->buf.len > at)
		iov[n++] = piece(r->buf.data + at, r->buf.len - at);
	return n;
}

/* Drop what has been written from the front of the buffer. */
static void
compact(struct pd_reply *r)
{
	uint32_t i;

	if (r->sent == r->buf.len && r->first == r->nheld) {
		r->buf.len = 0;
		r->sent = 0;
		r->first = r->nheld = 0;
		if (r->buf.cap > KEEP_CAP)
			pd_buf_release(&r->buf);
		return;
	}
	if (r->sent < COMPACT || r->sent < r->buf.len / 2)
		return;
	if (r->first > 0)
		memmove(r->held, r->held + r->first,
		    (r->nheld - r->first) * sizeof(*r->held));
	r->nheld -= r->first;
	r->first = 0;
	for (i = 0; i < r->nheld; i++)
		r->held[i].at -= r->sent;
	pd_buf_consume(&r->buf, r->sent);
	r->sent = 0;
}

void
pd_reply_wrote(struct pd_reply *r, size_t n)
{
	size_t part, end;

	while (n > 0) {
		end = r->first < r->nheld ? r->held[r->first].at : r->buf.len;
		part = end - r->sent;
		if (part > 0) {
			part = part < n ? part : n;
			r->sent += part;
			n -= part;
			continue;
		}
		part = pd_entry_len(r->held[r->first].entry) - r->held_sent;
		part = part < n ? part : n;
		r->held_sent += part;
		r->held_bytes -= part;
		n -= part;
		if (r->held_sent == pd_entry_len(r->held[r->first].entry)) {
			pd_store_release(r->held[r->first].entry);
			r->first++;
			r->held_sent = 0;
		}
	}
	compact(r);
}

static void
add(struct pd_reply *r, const void *p, size_t n)
{
	if (pd_buf_add(&r->buf, p, n))
		r->failed = true;
}

/* Room for ${n} bytes more, or NULL out of memory. */
static inline uint8_t *
room(struct pd_reply *r, size_t n)
{
	if (n > r->buf.cap - r->buf.len && pd_buf_reserve(&r->buf, n)) {
		r->failed = true;
		return NULL;
	}
	return r->buf.data + r->buf.len;
}

/* ${p} is the end of what has been written into the room. */
static inline void
wrote(struct pd_reply *r, const uint8_t *p)
{
	r->buf.len = (size_t)(p - r->buf.data);
}

static inline uint8_t *
put_end(uint8_t *p)
{
	p[0] = '\r';
	p[1] = '\n';
	return p + 2;
}

/* Decimal digits of ${v}, then "\r\n", after ${type}: LINE bytes at most.
 * Returns their end. */
static inline uint8_t *
put_line(uint8_t *p, char type, int64_t v)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, rest;
	uint8_t *end;

	*p++ = (uint8_t)type;
	if (v < 0)
		*p++ = '-';
	end = p + 1;
	for (rest = u; rest >= 10; rest /= 10)
		end++;
	for (p = end; u >= 10; u /= 10)
		*--p = (uint8_t)('0' + u % 10);
	*--p = (uint8_t)('0' + u);
	return put_end(end);
}

static void
add_line(struct pd_reply *r, char type, int64_t v)
{
	uint8_t *p = room(r, LINE);

	if (p != NULL)
		wrote(r, put_line(p, type, v));
}

void
pd_reply_raw(struct pd_reply *r, const char *p, size_t n)
{
	uint8_t *to;

	if (r->mute || n == 0 || (to = room(r, n)) == NULL)
		return;
	memcpy(to, p, n);
	wrote(r, to + n);
}

void
pd_reply_status(struct pd_reply *r, const char *s)
{
	if (r->mute)
		return;
	add(r, "+", 1);
	add(r, s, strlen(s));
	add(r, "\r\n", 2);
}

void
pd_reply_ok(struct pd_reply *r)
{
	static const char ok[5] = {'+', 'O', 'K', '\r', '\n'};
	uint8_t *to;

	if (r->mute || (to = room(r, sizeof(ok))) == NULL)
		return;
	memcpy(to, ok, sizeof(ok));
	wrote(r, to + sizeof(ok));
}

void
pd_reply_error(struct pd_reply *r, const char *text)
{
	size_t i, from;

	r->errors++;
	i = strcspn(text, " ");
	i = i < sizeof(r->code) ? i : sizeof(r->code) - 1;
	memcpy(r->code, text, i);
	r->code[i] = '\0';
	if (r->mute)
		return;
	add(r, "-", 1);
	from = r->buf.len;
	add(r, text, strlen(text));
	for (i = from; i < r->buf.len; i++)
		if (r->buf.data[i] == '\r' || r->buf.data[i] == '\n')
			r->buf.data[i] = ' ';
	add(r, "\r\n", 2);
}

void
pd_reply_errorf(struct pd_reply *r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pd_reply_error(r, text);
}

void
pd_reply_int(struct pd_reply *r, int64_t v)
{
	if (!r->mute)
		add_line(r, ':', v);
}

void
pd_reply_bulk(struct pd_reply *r, const void *p, size_t n)
{
	uint8_t *to;

	if (r->mute || (to = room(r, n + LINE + 2)) == NULL)
		return;
	to = put_line(to, '$', (int64_t)n);
	if (n > 0)
		memcpy(to, p, n);
	wrote(r, put_end(to + n));
}

void
pd_reply_str(struct pd_reply *r, const char *s)
{
	pd_reply_bulk(r, s, strlen(s));
}

void
pd_reply_bulk_int(struct pd_reply *r, int64_t v)
{
	char t[24];

	snprintf(t, sizeof(t), "%lld", (long long)v);
	pd_reply_str(r, t);
}

static bool
hold(struct pd_reply *r, struct pd_entry *e)
{
	struct pd_held *p;
	uint32_t cap;

	if (r->nheld == r->cap) {
		cap = r->cap == 0 ? 8 : r->cap * 2;
		if ((p = realloc(r->held, cap * sizeof(*p))) == NULL)
			return false;
		r->held = p;
		r->cap = cap;
	}
	if ((e = pd_store_hold(e)) == NULL)
		return false;
	r->held[r->nheld++] = (struct pd_held){r->buf.len, e};
	r->held_bytes += pd_entry_len(e);
	return true;
}

void
pd_reply_value(struct pd_reply *r, struct pd_entry *e, size_t from, size_t n)
{
	if (r->mute)
		return;
	if (n < PD_REPLY_HOLD) {
		pd_reply_bulk(r, pd_entry_value(e) + from, n);
		return;
	}
	add_line(r, '$', (int64_t)n);
	if (n != pd_entry_len(e) || !hold(r, e))
		add(r, pd_entry_value(e) + from, n);
	add(r, "\r\n", 2);
}

void
pd_reply_null(struct pd_reply *r)
{
	if (r->resp >= 3)
		pd_reply_raw(r, "_\r\n", 3);
	else
		pd_reply_raw(r, "$-1\r\n", 5);
}

void
pd_reply_null_array(struct pd_reply *r)
{
	if (r->resp >= 3)
		pd_reply_raw(r, "_\r\n", 3);
	else
		pd_reply_raw(r, "*-1\r\n", 5);
}

void
pd_reply_array(struct pd_reply *r, size_t n)
{
	if (!r->mute)
		add_line(r, '*', (int64_t)n);
}

void
pd_reply_map(struct pd_reply *r, size_t pairs)
{
	if (r->mute)
		return;
	if (r->resp >= 3)
		add_line(r, '%', (int64_t)pairs);
	else
		add_line(r, '*', (int64_t)pairs * 2);
}

void
pd_reply_set(struct pd_reply *r, size_t n)
{
	if (!r->mute)
		add_line(r, r->resp >= 3 ? '~' : '*', (int64_t)n);
}

void
pd_reply_push(struct pd_reply *r, size_t n)
{
	if (!r->mute)
		add_line(r, r->resp >= 3 ? '>' : '*', (int64_t)n);
}

void
pd_reply_double(struct pd_reply *r, double v)
{
	char t[64];

	snprintf(t, sizeof(t), "%.17g", v);
	if (r->resp < 3) {
		pd_reply_str(r, t);
		return;
	}
	pd_reply_raw(r, ",", 1);
	pd_reply_raw(r, t, strlen(t));
	pd_reply_raw(r, "\r\n", 2);
}

void
pd_reply_bool(struct pd_reply *r, bool v)
{
	if (r->resp >= 3)
		pd_reply_raw(r, v ? "#t\r\n" : "#f\r\n", 4);
	else
		pd_reply_int(r, v);
}

void
pd_reply_text(struct pd_reply *r, const char *p, size_t n)
{
	if (r->resp < 3) {
		pd_reply_bulk(r, p, n);
		return;
	}
	if (r->mute)
		return;
	add_line(r, '=', (int64_t)n + 4);
	add(r, "txt:", 4);
	add(r, p, n);
	add(r, "\r\n", 2);
}

size_t
pd_reply_later(const struct pd_reply *r)
{
	return r->buf.len;
}

/* Put a length line in at ${place}, before what has been added since. */
static void
now(struct pd_reply *r, size_t place, char type, size_t n)
{
	const size_t body = r->buf.len - place;
	uint8_t line[32];
	uint32_t i;
	size_t len;

	if (r->mute || r->failed)
		return;
	add_line(r, type, (int64_t)n);
	if (r->failed)
		return;
	len = r->buf.len - place - body;
	memcpy(line, r->buf.data + place + body, len);
	memmove(r->buf.data + place + len, r->buf.data + place, body);
	memcpy(r->buf.data + place, line, len);
	for (i = r->nheld; i-- > r->first && r->held[i].at > place;)
		r->held[i].at += len;
}

void
pd_reply_now_array(struct pd_reply *r, size_t place, size_t n)
{
	now(r, place, '*', n);
}

void
pd_reply_now_map(struct pd_reply *r, size_t place, size_t pairs)
{
	if (r->resp >= 3)
		now(r, place, '%', pairs);
	else
		now(r, place, '*', pairs * 2);
}
