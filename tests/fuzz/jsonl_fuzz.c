/* Any bytes as a trace in the format "jsonl". */
#include "evreader_fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	return fuzz_evreader("jsonl", p, n);
}
