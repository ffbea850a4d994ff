#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/endian.h"

void
pd_buf_release(struct pd_buf *b)
{
	free(b->data);
	*b = (struct pd_buf)PD_BUF_INIT;
}

void
pd_buf_clear(struct pd_buf *b)
{
	b->len = 0;
	b->failed = false;
}

int
pd_buf_reserve(struct pd_buf *b, size_t more)
{
	size_t cap;
	uint8_t *p;

	if (more <= b->cap - b->len)
		return 0;
	if (more > SIZE_MAX / 2 - b->len)
		goto fail;
	cap = b->cap ? b->cap : 64;
	while (cap - b->len < more)
		cap += cap / 2 + 64;
	if ((p = realloc(b->data, cap)) == NULL)
		goto fail;
	b->data = p;
	b->cap = cap;
	return 0;
fail:
	b->failed = true;
	return -1;
}

int
pd_buf_add(struct pd_buf *b, const void *p, size_t n)
{
	if (n == 0)
		return 0;
	if (pd_buf_reserve(b, n))
		return -1;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	return 0;
}

int
pd_buf_addstr(struct pd_buf *b, const char *s)
{
	return pd_buf_add(b, s, strlen(s));
}

int
pd_buf_addc(struct pd_buf *b, char c)
{
	return pd_buf_add(b, &c, 1);
}

int
pd_buf_printf(struct pd_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if (pd_buf_reserve(b, (size_t)n + 1))
		return -1;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

int
pd_buf_add8(struct pd_buf *b, uint8_t v)
{
	return pd_buf_add(b, &v, 1);
}

int
pd_buf_add16(struct pd_buf *b, uint16_t v)
{
	uint8_t t[2];

	pd_put16(t, v);
	return pd_buf_add(b, t, sizeof(t));
}

int
pd_buf_add32(struct pd_buf *b, uint32_t v)
{
	uint8_t t[4];

	pd_put32(t, v);
	return pd_buf_add(b, t, sizeof(t));
}

int
pd_buf_add64(struct pd_buf *b, uint64_t v)
{
	uint8_t t[8];

	pd_put64(t, v);
	return pd_buf_add(b, t, sizeof(t));
}

int
pd_buf_addvar(struct pd_buf *b, uint64_t v)
{
	uint8_t t[10];
	size_t n = 0;

	while (v >= 0x80) {
		t[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	t[n++] = (uint8_t)v;
	return pd_buf_add(b, t, n);
}

void
pd_buf_consume(struct pd_buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

char *
pd_buf_cstr(struct pd_buf *b)
{
	if (pd_buf_reserve(b, 1))
		return NULL;
	b->data[b->len] = '\0';
	return (char *)b->data;
}
