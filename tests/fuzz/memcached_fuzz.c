/* Any bytes as a trace in the format "memcached". */
#include "evreader_fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	return fuzz_evreader("memcached", p, n);
}
