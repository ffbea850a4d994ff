/*
 * pd_signature_verify() over any key text, signature text and content, parted
 * by NULs. A signature that is accepted for some bytes must be refused for
 * others.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pd_buf b = PD_BUF_INIT;
	const char *key, *sig;
	uint8_t *content;
	size_t left;

	pd_buf_add(&b, p, n);
	pd_buf_add(&b, "\0\0\0", 3);
	key = (const char *)b.data;
	sig = key + strlen(key) + 1;
	content = (uint8_t *)(uintptr_t)(sig + strlen(sig) + 1);
	left = (size_t)(b.data + b.len - content);
	/* The NULs at the end are the target's own. */
	left = left > 3 ? left - 3 : 0;
	if (pd_signature_verify(sig, key, content, left, NULL) == 0 &&
	    left > 0) {
		content[0] ^= 1;
		if (pd_signature_verify(sig, key, content, left, NULL) == 0)
			abort();
	}
	pd_buf_release(&b);
	return 0;
}
