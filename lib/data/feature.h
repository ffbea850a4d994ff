#ifndef PD_DATA_FEATURE_H
#define PD_DATA_FEATURE_H

/*
 * The 64 features: float32, NaN unknown, all O(1) per access. One
 * implementation for predis-serve, predis-sample, predis-replay and
 * predis-retrain. A slot's float is derived from the log codes that the
 * server's compact record holds, so training sees exactly what serving sees.
 */

#include <stdbool.h>
#include <stdint.h>

#define PD_FEATURES 64

enum pd_feature {
#define X(slot, name, unit, served, help) PD_F_##name = (slot),
#include "data/feature_table.h"
#undef X
};

struct pd_feature_info {
	const char *name;
	const char *unit;
	const char *help;
	bool served;
};

/* The table, PD_FEATURES entries in slot order. */
extern const struct pd_feature_info pd_feature_info[PD_FEATURES];

/* The slot of a name, or -1. */
int pd_feature_find(const char *name);

/* First 8 bytes of BLAKE2b over the table's names and units: two programs with
 * the same value mean the same by every slot. */
uint64_t pd_feature_schema_id(void);

/*
 * What the cache knows of one resident key, in codes: the input of the served
 * slots 0..19. Distances are in ticks.
 */
struct pd_served {
	uint8_t age;	   /* code of now - last access */
	uint8_t gap[4];	   /* codes, newest first; PD_CODE_NONE unknown */
	uint8_t residence; /* code of now - insertion */
	uint8_t resident_at_last; /* code of last access - insertion */
	uint8_t frequency;	  /* code of accesses known */
	uint8_t hits_resident;	  /* code of hits since insertion */
	uint8_t evict_age;	  /* code of the eviction age, NONE unknown */
	uint8_t size;		  /* code of bytes */
	uint8_t ttl_left;	  /* code of seconds left, NONE without */
	uint8_t flags;		  /* PD_SERVED_* */
	uint8_t hit_ratio;	  /* lately, 0..250 in 1/250, NONE unknown */
	uint8_t new_share;	  /* lately, 0..250 in 1/250, NONE unknown */
};

#define PD_SERVED_WRITE 1     /* the last access wrote */
#define PD_SERVED_RETURNING 2 /* a ghost knew the key at insertion */

/*
 * pd_feature_served(s, slots, n, row):
 * Write the served features ${slots}[0..n-1] (each < 20) of ${s} to
 * ${row}[0..n-1]. No allocation, no libm.
 */
void pd_feature_served(
    const struct pd_served *s, const uint8_t *slots, unsigned n, float *row);

/* log2(1 + n) of the code of a count ${n}; NaN of PD_CODE_NONE. */
float pd_feature_count(uint8_t code);

#endif /* PD_DATA_FEATURE_H */
