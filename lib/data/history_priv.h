#ifndef PD_DATA_HISTORY_PRIV_H
#define PD_DATA_HISTORY_PRIV_H

/*
 * What history.c (the table and its counting), history_space.c (namespaces)
 * and history_row.c (a row) share. Times are whole milliseconds and wrap at 40
 * bits, ticks wrap at 48: a difference of more than half of that is one
 * backwards, taken as 0.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/log2.h"
#include "data/event.h"

#define MS_MASK ((1ULL << 40) - 1)
#define TICK_MASK ((1ULL << 48) - 1)
#define COUNT_MAX ((1u << 24) - 1)
#define GAPS 12
#define UNIT_SHIFT 14  /* access times in units of 2^14 ms */
#define UNITS_HOUR 219 /* of them in an hour */
#define Q_NONE 0xffff  /* 6.10 fixed point: unknown */
#define SHARE_ONE 4000 /* 12-bit shares: 1.0 */
#define SHARE_NONE 4095

/* Half-lives of the decayed counters, 2^18, 2^12, 2^10, 2^8, 2^6, 2^0 s. */
enum { D_3D, D_1H, D_15M, D_5M, D_1M, D_1S, DECAYS };

enum entry_flag {
	E_WROTE = 1,   /* the last access wrote */
	E_MISSED = 2,  /* the last access missed and is not filled yet */
	E_TOUCHED = 4, /* asked again since the clock's hand came by */
};

/*
 * One tracked key: 88 bytes, and 4 at most in the heads of the chains. Sizes
 * and times that only logarithms are made of are kept as logarithms.
 */
struct entry {
	uint64_t key;
	uint64_t last_ms : 40;
	uint64_t count : 24; /* accesses, saturating */
	uint64_t first_ms : 40;
	uint64_t reads : 12; /* moving shares, SHARE_ONE = all */
	uint64_t hits : 12;
	uint64_t tick : 48;	    /* of the last access */
	uint64_t size : 16;	    /* log2(bytes), 6.10 */
	uint32_t next : 29;	    /* in the hash chain */
	uint32_t flags : 3;	    /* enum entry_flag */
	uint16_t gap_mean;	    /* log2(1+ms), 6.10 */
	uint16_t gap_var;	    /* octaves^2, 9.7 */
	uint16_t gap_min;	    /* log2(1+ms), 6.10 */
	uint16_t ttl;		    /* log2(ms) when set, 6.10 */
	uint16_t refetch;	    /* log2(1+ms), 6.10 */
	uint16_t latency;	    /* log2(1+us), 6.10 */
	uint16_t decayed[DECAYS];   /* accesses, as of last_ms: low halves */
	uint8_t decayed_high[D_1S]; /* and high bytes, of all but D_1S */
	uint8_t gap[GAPS];	    /* codes of ticks, newest first */
	uint8_t unit[GAPS - 1]; /* the same gaps in time units, at most 255 */
};

_Static_assert(sizeof(struct entry) == 88, "a tracked key takes 88 bytes");

/* One namespace. Means move with weight 1/min(n, 64). */
struct space {
	uint32_t id; /* 0: an empty cell */
	uint32_t accesses;
	uint32_t gaps;
	uint32_t sizes;
	uint64_t last_ms;
	double share[2]; /* accesses decayed, half-lives 64 and 4096 s */
	double reuse;
	double gap;
	double size;
};

struct spaces {
	struct space *cell; /* open addressing, mask + 1 cells */
	uint32_t mask;
	uint32_t capacity;
	uint32_t used;
	bool begun;
	uint64_t over;	   /* accesses in namespaces that found no room */
	uint64_t total_ms; /* as of which total[] is */
	double total[2];   /* all accesses, decayed as struct space's */
};

/* The distance from a key's last access to an event. */
struct since {
	bool known;	     /* there is a last access */
	uint64_t ms;	     /* time passed */
	uint64_t gap_ms;     /* the same, over the event's weight */
	uint64_t ticks;	     /* ticks over the event's weight */
	unsigned units;	     /* time units, at most 255 */
	double log_gap;	     /* log2(1 + gap_ms) */
	double keep[DECAYS]; /* what is left of each counter */
};

/* What a row is made of. */
struct row_in {
	const struct pd_event *e;
	const struct entry *en;
	const struct since *since;
	uint64_t now_ms;
	const struct space *ns; /* NULL: none, or not tracked */
	double ns_share[2];	/* log2 of its share; NaN unknown */
	bool hits_unknown;
	uint64_t slots; /* those that are wanted */
};

/* The slots that no more than these groups need. */
#define SLOTS(from, to) ((UINT64_MAX >> (63 - ((to) - (from)))) << (from))
#define SLOTS_SERVED SLOTS(0, 19)
#define SLOTS_GAPS SLOTS(20, 32)
#define SLOTS_RATES SLOTS(33, 40)
#define SLOTS_OBJECT (SLOTS(41, 44) | SLOTS(50, 50))
#define SLOTS_COUNTS SLOTS(45, 49)
#define SLOTS_SPACE SLOTS(51, 56)
#define SLOTS_CONTEXT SLOTS(57, 63)

/* Write in->slots of the row; the others of a group that is touched hold
 * their values too, or anything. */
void pd_history_write_row(const struct row_in *in, float *row);

/* Counter ${i} of a key with a last access; at least 1. */
static inline double
decayed_get(const struct entry *en, unsigned i)
{
	uint64_t code = en->decayed[i], bits;
	double x;

	if (i != D_1S) {
		code |= (uint64_t)en->decayed_high[i] << 16;
		bits = (code + (1023ULL << 19)) << 33;
	} else {
		bits = (code + (1023ULL << 11)) << 41;
	}
	memcpy(&x, &bits, sizeof(x));
	return x;
}

/*
 * Keep ${x} >= 1 in 24 bits (D_1S: 16), 5 of them the exponent. The part that
 * does not fit decides by ${noise} which way it is rounded: adding 1 to a
 * large count would otherwise be lost each time.
 */
static inline void
decayed_put(struct entry *en, unsigned i, double x, uint64_t noise)
{
	const unsigned drop = i != D_1S ? 33 : 41;
	uint64_t bits;

	x = x > 0x1.ffcp31 ? 0x1.ffcp31 : x;
	memcpy(&bits, &x, sizeof(bits));
	bits += noise & ((1ULL << drop) - 1);
	bits = (bits >> drop) - (1023ULL << (52 - drop));
	en->decayed[i] = (uint16_t)bits;
	if (i != D_1S)
		en->decayed_high[i] = (uint8_t)(bits >> 16);
}

/* 0, or -1 out of memory; the caller frees s->cell. */
int pd_spaces_init(struct spaces *s, uint32_t capacity);
/*
 * Bring all counters, and those of namespace ${id}, to now; write log2 of its
 * shares of all accesses before this one, at least -40: NaN before its first
 * access, and after a pause in which even the total decayed to nothing. NULL
 * without a namespace (id 0) or without room for it.
 */
struct space *pd_spaces_enter(
    struct spaces *s, uint32_t id, uint64_t now_ms, double share[2]);
/* Count the access; ${ns} is what pd_spaces_enter() gave. */
void pd_spaces_count(struct spaces *s, struct space *ns,
    const struct pd_event *e, const struct since *since);

/* d = b - a in a ring of mask + 1; 0 if that is backwards (told in *back). */
static inline uint64_t
ring_sub(uint64_t b, uint64_t a, uint64_t mask, bool *back)
{
	uint64_t d = (b - a) & mask;

	if (d <= mask / 2)
		return d;
	*back = true;
	return 0;
}

/* log2 of ${bytes} > 0 in 6.10, rounded down. */
static inline uint16_t
pd_history_size(uint32_t bytes)
{
	return (uint16_t)(pd_log2(bytes) * 1024.0);
}

/* 2^(-ms / half-life) for all half-lives, by squaring the slowest. */
void pd_history_keep(uint64_t ms, double keep[DECAYS]);

#endif /* PD_DATA_HISTORY_PRIV_H */
