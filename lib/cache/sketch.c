#include <stdlib.h>
#include <string.h>

#include "cache/sketch.h"

#define WORDS 8 /* a block is a cache line */
#define ROWS 4
#define BLOCKS_MAX (1u << 28)

int
pd_sketch_init(struct pd_sketch *s, uint32_t objects, uint64_t sample)
{
	uint32_t blocks = 1;

	while (blocks < objects / WORDS && blocks < BLOCKS_MAX)
		blocks *= 2;
	memset(s, 0, sizeof(*s));
	s->word = calloc((size_t)blocks * WORDS, sizeof(*s->word));
	if (s->word == NULL)
		return -1;
	s->blocks = blocks;
	s->sample = sample;
	return 0;
}

void
pd_sketch_release(struct pd_sketch *s)
{
	free(s->word);
	memset(s, 0, sizeof(*s));
}

/* The word and the shift of the counter of ${hash} in ${row}: the low half
 * names the block, 5 bits a row of the high half one of two words and one of
 * their 16 counters. */
static size_t
counter(const struct pd_sketch *s, uint64_t hash, unsigned row, unsigned *shift)
{
	const size_t block = (uint32_t)hash & (s->blocks - 1);
	const unsigned bits = (unsigned)(hash >> (32 + 5 * row)) & 31;

	*shift = (bits & 15) * 4;
	return block * WORDS + (size_t)row * 2 + (bits >> 4);
}

/* Halve every counter. */
static void
fade(struct pd_sketch *s)
{
	const size_t n = (size_t)s->blocks * WORDS;
	size_t i;

	for (i = 0; i < n; i++)
		s->word[i] = (s->word[i] >> 1) & 0x7777777777777777ULL;
	s->added /= 2;
}

void
pd_sketch_add(struct pd_sketch *s, uint64_t hash)
{
	unsigned row, shift, changed = 0;
	size_t i;

	for (row = 0; row < ROWS; row++) {
		i = counter(s, hash, row, &shift);
		if (((s->word[i] >> shift) & 15) == 15)
			continue;
		s->word[i] += 1ULL << shift;
		changed = 1;
	}
	s->added += changed;
	if (s->added >= s->sample)
		fade(s);
}

unsigned
pd_sketch_get(const struct pd_sketch *s, uint64_t hash)
{
	unsigned row, shift, v, least = 15;
	size_t i;

	for (row = 0; row < ROWS; row++) {
		i = counter(s, hash, row, &shift);
		v = (unsigned)(s->word[i] >> shift) & 15;
		if (v < least)
			least = v;
	}
	return least;
}

/* Keys of two blocks share one: a counter becomes the larger of the two. */
bool
pd_sketch_fold(struct pd_sketch *s)
{
	const size_t n = (size_t)s->blocks / 2 * WORDS;
	uint64_t a, b, *word;
	unsigned shift;
	size_t i;

	if (n == 0)
		return false;
	for (i = 0; i < n; i++)
		for (shift = 0; shift < 64; shift += 4) {
			a = s->word[i] & 15ULL << shift;
			b = s->word[i + n] & 15ULL << shift;
			if (b > a)
				s->word[i] += b - a;
		}
	s->blocks /= 2;
	word = realloc(s->word, n * sizeof(*word));
	if (word != NULL)
		s->word = word;
	return true;
}

size_t
pd_sketch_memory(const struct pd_sketch *s)
{
	return (size_t)s->blocks * WORDS * sizeof(*s->word);
}
