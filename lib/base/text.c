#include <stdbool.h>
#include <string.h>

#include "base/text.h"

size_t
pd_utf8_len(const uint8_t *p, size_t n)
{
	size_t len, i;
	uint32_t cp;

	if (p[0] < 0x80)
		return 1;
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
	if (len == 0 || len > n || p[0] > 0xf4)
		return 0;
	cp = p[0] & (0xffU >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if ((len == 3 && cp < 0x800) || (len == 4 && cp < 0x10000) ||
	    cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	return len;
}

static bool
is_control(const uint8_t *p, size_t len, const char *keep)
{
	if (len == 1)
		return p[0] == 0x7f ||
		       (p[0] < 0x20 && strchr(keep, p[0]) == NULL);
	return len == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

void
pd_text_printable(char *text, const char *keep)
{
	uint8_t *p = (uint8_t *)text;
	size_t n = strlen(text), len;

	while (n > 0) {
		len = pd_utf8_len(p, n);
		if (len == 0 || is_control(p, len, keep)) {
			len += len == 0;
			memset(p, '?', len);
		}
		p += len;
		n -= len;
	}
}
