/*
 * Runs a fuzz target over files, so that `make check` replays the corpora
 * with any compiler. With no argument: nothing to do, exit 0.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int
run_file(const char *path)
{
	uint8_t *p = NULL;
	size_t n = 0, got;
	FILE *f;

	if ((f = fopen(path, "rb")) == NULL) {
		perror(path);
		return 1;
	}
	do {
		uint8_t *q = realloc(p, n + 65536);

		if (q == NULL)
			abort();
		p = q;
		got = fread(p + n, 1, 65536, f);
		n += got;
	} while (got > 0);
	fclose(f);
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	return 0;
}

int
main(int argc, char **argv)
{
	int i, bad = 0;

	for (i = 1; i < argc; i++)
		bad |= run_file(argv[i]);
	return bad;
}
