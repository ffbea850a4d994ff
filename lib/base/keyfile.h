#ifndef PD_BASE_KEYFILE_H
#define PD_BASE_KEYFILE_H

/*
 * A deployment's key file: 32 random bytes, mode 0600. Everything that hashes
 * keys derives from it (libsodium crypto_kdf, BLAKE2b), so that identity and
 * selection survive restarts and agree between replicas, and streams from two
 * deployments cannot be joined by key.
 */

#include <stdint.h>

#include "base/hash.h"

struct pd_err;

#define PD_KEYFILE_BYTES 32

struct pd_keys {
	uint64_t table_seed;	      /* seed of the table's XXH3 */
	uint64_t select_salt;	      /* mixed into the hash for --by key */
	uint8_t sip[PD_SIPKEY_BYTES]; /* key identity in streams */
	uint32_t id;		      /* names the key file in headers */
};

/* Derive the keys of the all-zero secret: public identities, for imports of
 * traces that hold no secret. Its id is 0. */
void pd_keys_public(struct pd_keys *k);

/* Derive keys from fresh randomness that is stored nowhere. */
void pd_keys_random(struct pd_keys *k);

/*
 * pd_keys_load(k, path, create, err):
 * Derive the keys from the file ${path}; with ${create} nonzero an absent
 * file is made first, mode 0600. A file that others can read, or of another
 * length, is refused. 0 or -1.
 */
int pd_keys_load(
    struct pd_keys *k, const char *path, int create, struct pd_err *err);

/* Make the key file ${path}, mode 0600; one that exists is refused. 0 or -1. */
int pd_keys_create(const char *path, struct pd_err *err);

/* Fill a secret as a key file holds it, and wipe one. */
void pd_keys_secret(uint8_t secret[PD_KEYFILE_BYTES]);
void pd_keys_forget(uint8_t secret[PD_KEYFILE_BYTES]);

/* The identity of a key in streams: SipHash-2-4 under k->sip. */
uint64_t pd_keys_identity(const struct pd_keys *k, const void *p, uint32_t n);

/* The same of a key in database ${db}: the 16 databases of a server hold 16
 * keys of one name. In database 0 it is pd_keys_identity(). */
uint64_t pd_keys_identity_db(
    const struct pd_keys *k, unsigned db, const void *p, uint32_t n);

#endif /* PD_BASE_KEYFILE_H */
