#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/endian.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/keyfile.h"

#define SECRET PD_KEYFILE_BYTES

_Static_assert(SECRET == crypto_kdf_KEYBYTES, "a secret is a key of the KDF");

static void
derive(struct pd_keys *k, const uint8_t *secret)
{
	static const char ctx[crypto_kdf_CONTEXTBYTES + 1] = "predis-1";
	uint8_t out[64];

	crypto_kdf_derive_from_key(out, sizeof(out), 1, ctx, secret);
	k->table_seed = pd_get64(out);
	k->select_salt = pd_get64(out + 8);
	memcpy(k->sip, out + 16, sizeof(k->sip));
	k->id = pd_get32(out + 32);
	sodium_memzero(out, sizeof(out));
}

void
pd_keys_public(struct pd_keys *k)
{
	static const uint8_t zero[SECRET];

	derive(k, zero);
	k->id = 0;
}

void
pd_keys_random(struct pd_keys *k)
{
	uint8_t secret[SECRET];

	randombytes_buf(secret, sizeof(secret));
	derive(k, secret);
	sodium_memzero(secret, sizeof(secret));
}

void
pd_keys_secret(uint8_t secret[PD_KEYFILE_BYTES])
{
	randombytes_buf(secret, SECRET);
}

void
pd_keys_forget(uint8_t secret[PD_KEYFILE_BYTES])
{
	sodium_memzero(secret, SECRET);
}

int
pd_keys_create(const char *path, struct pd_err *err)
{
	uint8_t secret[SECRET];
	ssize_t n;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return pd_err_sys(err, "cannot create key file '%s'", path);
	randombytes_buf(secret, sizeof(secret));
	n = write(fd, secret, sizeof(secret));
	sodium_memzero(secret, sizeof(secret));
	if (n != (ssize_t)sizeof(secret) || fsync(fd)) {
		pd_err_sys(err, "cannot write key file '%s'", path);
		close(fd);
		unlink(path);
		return -1;
	}
	close(fd);
	return 0;
}

int
pd_keys_load(
    struct pd_keys *k, const char *path, int create, struct pd_err *err)
{
	uint8_t secret[SECRET + 1];
	struct stat st;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && create) {
		/* Another program may have made it just now. */
		if (pd_keys_create(path, err) && errno != EEXIST)
			return -1;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return pd_err_sys(err, "cannot open key file '%s'", path);
	if (fstat(fd, &st)) {
		pd_err_sys(err, "cannot stat key file '%s'", path);
		goto err0;
	}
	if (S_ISDIR(st.st_mode)) {
		pd_err_set(err, "key file '%s' is a folder", path);
		goto err0;
	}
	if (st.st_mode & 077) {
		pd_err_set(err,
		    "key file '%s' can be read by others: chmod 600 it", path);
		goto err0;
	}
	n = read(fd, secret, sizeof(secret));
	if (n != SECRET) {
		pd_err_set(err, "key file '%s' must hold exactly %d bytes",
		    path, (int)SECRET);
		goto err0;
	}
	close(fd);
	derive(k, secret);
	sodium_memzero(secret, sizeof(secret));
	return 0;
err0:
	close(fd);
	return -1;
}

uint64_t
pd_keys_identity(const struct pd_keys *k, const void *p, uint32_t n)
{
	return pd_siphash(p, n, k->sip);
}

uint64_t
pd_keys_identity_db(
    const struct pd_keys *k, unsigned db, const void *p, uint32_t n)
{
	const uint64_t id = pd_keys_identity(k, p, n);

	return db == 0 ? id : pd_mix64(id + db);
}
