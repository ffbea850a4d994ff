#ifndef PD_BASE_ENDIAN_H
#define PD_BASE_ENDIAN_H

/*
 * Little-endian integers in byte arrays, at any alignment. Every on-disk and
 * on-wire integer of Predis goes through these.
 */

#include <stdint.h>

static inline void
pd_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void
pd_put32(uint8_t *p, uint32_t v)
{
	pd_put16(p, (uint16_t)v);
	pd_put16(p + 2, (uint16_t)(v >> 16));
}

static inline void
pd_put64(uint8_t *p, uint64_t v)
{
	pd_put32(p, (uint32_t)v);
	pd_put32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t
pd_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | (unsigned)p[1] << 8);
}

static inline uint32_t
pd_get32(const uint8_t *p)
{
	return (uint32_t)pd_get16(p) | (uint32_t)pd_get16(p + 2) << 16;
}

static inline uint64_t
pd_get64(const uint8_t *p)
{
	return (uint64_t)pd_get32(p) | (uint64_t)pd_get32(p + 4) << 32;
}

#endif /* PD_BASE_ENDIAN_H */
