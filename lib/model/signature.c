#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/fd.h"
#include "model/signature.h"

#define MAX_FILE 16384 /* bytes of a key or signature file */
#define ID_LEN 8
#define KEY_LEN (2 + ID_LEN + crypto_sign_PUBLICKEYBYTES)
#define SIG_LEN (2 + ID_LEN + crypto_sign_BYTES)

static const char untrusted[] = "untrusted comment: ";
static const char trusted[] = "trusted comment: ";

/* Take the next line off ${p}, without its end; NULL when there is none. */
static char *
next_line(char **p)
{
	char *line = *p, *end;

	if (*line == '\0')
		return NULL;
	end = line + strcspn(line, "\n");
	*p = *end == '\n' ? end + 1 : end;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}

/* A line of base64 that holds exactly ${n} bytes. */
static int
decode(const char *line, uint8_t *out, size_t n)
{
	size_t got;

	return line == NULL ||
		       sodium_base642bin(out, n, line, strlen(line), NULL, &got,
			   NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
		       got != n
		   ? -1
		   : 0;
}

/* Read a small text file; ${out} holds it NUL-terminated. */
static char *
read_text(const char *path, struct pd_buf *out, struct pd_err *err)
{
	char *s;

	if (pd_read_file(path, MAX_FILE, out, err))
		return NULL;
	if ((s = pd_buf_cstr(out)) == NULL)
		pd_err_nomem(err);
	return s;
}

static int
read_key(const char *path, uint8_t key[KEY_LEN], struct pd_err *err)
{
	struct pd_buf text = PD_BUF_INIT;
	char *p, *line;
	int r = -1;

	if ((p = read_text(path, &text, err)) == NULL)
		goto out;
	line = next_line(&p);
	if (line != NULL && strncmp(line, untrusted, strlen(untrusted)) == 0)
		line = next_line(&p);
	if (decode(line, key, KEY_LEN) || memcmp(key, "Ed", 2) != 0)
		pd_err_set(err, "'%s' is not a minisign public key", path);
	else
		r = 0;
out:
	pd_buf_release(&text);
	return r;
}

/* What a signature file says. */
struct sig {
	uint8_t sig[SIG_LEN];
	uint8_t global[crypto_sign_BYTES];
	char comment[MAX_FILE];
	size_t comment_len;
};

static int
read_sig(const char *path, struct sig *s, struct pd_err *err)
{
	struct pd_buf text = PD_BUF_INIT;
	char *p, *line;
	int r = -1;

	if ((p = read_text(path, &text, err)) == NULL)
		goto out;
	line = next_line(&p);
	if (line == NULL || strncmp(line, untrusted, strlen(untrusted)) != 0 ||
	    decode(next_line(&p), s->sig, SIG_LEN) ||
	    (line = next_line(&p)) == NULL ||
	    strncmp(line, trusted, strlen(trusted)) != 0 ||
	    decode(next_line(&p), s->global, sizeof(s->global)) || *p != '\0') {
		pd_err_set(err, "'%s' is not a minisign signature", path);
		goto out;
	}
	s->comment_len = strlen(line) - strlen(trusted);
	memcpy(s->comment, line + strlen(trusted), s->comment_len);
	r = 0;
out:
	pd_buf_release(&text);
	return r;
}

/* The signature over the file's bytes. */
static bool
file_ok(const struct sig *s, const void *p, size_t n, const uint8_t *pk)
{
	const uint8_t *sig = s->sig + 2 + ID_LEN;
	uint8_t hash[crypto_generichash_BYTES_MAX];

	if (memcmp(s->sig, "Ed", 2) == 0)
		return crypto_sign_verify_detached(sig, p, n, pk) == 0;
	if (memcmp(s->sig, "ED", 2) != 0)
		return false;
	crypto_generichash(hash, sizeof(hash), p, n, NULL, 0);
	return crypto_sign_verify_detached(sig, hash, sizeof(hash), pk) == 0;
}

/* The signature over the first one and the trusted comment. */
static bool
comment_ok(const struct sig *s, const uint8_t *pk)
{
	uint8_t m[crypto_sign_BYTES + MAX_FILE];

	memcpy(m, s->sig + 2 + ID_LEN, crypto_sign_BYTES);
	memcpy(m + crypto_sign_BYTES, s->comment, s->comment_len);
	return crypto_sign_verify_detached(
		   s->global, m, crypto_sign_BYTES + s->comment_len, pk) == 0;
}

static int
check(const struct sig *s, const uint8_t key[KEY_LEN], const void *p, size_t n,
    const char *path, struct pd_err *err)
{
	const uint8_t *pk = key + 2 + ID_LEN;

	if (memcmp(s->sig + 2, key + 2, ID_LEN) != 0)
		return pd_err_set(err,
		    "'%s' is signed by another key than the trusted one", path);
	if (!file_ok(s, p, n, pk))
		return pd_err_set(err,
		    "the signature of '%s' does not fit its content", path);
	if (!comment_ok(s, pk))
		return pd_err_set(err,
		    "the trusted comment of the signature of '%s' was changed",
		    path);
	return 0;
}

int
pd_signature_check(const char *path, const void *p, size_t n, const char *key,
    struct pd_err *err)
{
	const size_t len = strlen(path) + sizeof(".minisig");
	struct sig *s = malloc(sizeof(*s));
	char *sigpath = malloc(len);
	uint8_t k[KEY_LEN];
	int r = -1;

	if (s == NULL || sigpath == NULL) {
		pd_err_nomem(err);
		goto out;
	}
	snprintf(sigpath, len, "%s.minisig", path);
	if (read_key(key, k, err) || read_sig(sigpath, s, err))
		goto out;
	r = check(s, k, p, n, path, err);
out:
	free(s);
	free(sigpath);
	return r;
}
