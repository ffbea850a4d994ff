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

/* A line of a text, without its end. */
struct line {
	const char *p; /* NULL: there is none */
	size_t n;
};

/* Take the next line off ${text}. */
static struct line
next_line(const char **text)
{
	struct line l = {*text, strcspn(*text, "\n")};

	if (l.n == 0 && *l.p == '\0')
		return (struct line){NULL, 0};
	*text = l.p + l.n + (l.p[l.n] == '\n');
	if (l.n > 0 && l.p[l.n - 1] == '\r')
		l.n--;
	return l;
}

static bool
starts_with(struct line l, const char *prefix)
{
	return l.p != NULL && l.n >= strlen(prefix) &&
	       memcmp(l.p, prefix, strlen(prefix)) == 0;
}

/* A line of base64 that holds exactly ${n} bytes. */
static int
decode(struct line l, uint8_t *out, size_t n)
{
	size_t got;

	return l.p == NULL ||
		       sodium_base642bin(out, n, l.p, l.n, NULL, &got, NULL,
			   sodium_base64_VARIANT_ORIGINAL) != 0 ||
		       got != n
		   ? -1
		   : 0;
}

static int
parse_key(const char *text, uint8_t key[KEY_LEN])
{
	struct line l = next_line(&text);

	if (starts_with(l, untrusted))
		l = next_line(&text);
	return decode(l, key, KEY_LEN) || memcmp(key, "Ed", 2) != 0 ? -1 : 0;
}

/* What a signature file says. */
struct sig {
	uint8_t sig[SIG_LEN];
	uint8_t global[crypto_sign_BYTES];
	struct line comment; /* trusted; borrowed from the text */
};

static int
parse_sig(const char *text, struct sig *s)
{
	if (!starts_with(next_line(&text), untrusted) ||
	    decode(next_line(&text), s->sig, SIG_LEN))
		return -1;
	s->comment = next_line(&text);
	if (!starts_with(s->comment, trusted) ||
	    decode(next_line(&text), s->global, sizeof(s->global)) ||
	    *text != '\0')
		return -1;
	s->comment.p += strlen(trusted);
	s->comment.n -= strlen(trusted);
	return 0;
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
	const size_t n = crypto_sign_BYTES + s->comment.n;
	uint8_t *m = malloc(n);
	bool good;

	if (m == NULL)
		return false;
	memcpy(m, s->sig + 2 + ID_LEN, crypto_sign_BYTES);
	memcpy(m + crypto_sign_BYTES, s->comment.p, s->comment.n);
	good = crypto_sign_verify_detached(s->global, m, n, pk) == 0;
	free(m);
	return good;
}

int
pd_signature_verify(const char *sig, const char *key, const void *p, size_t n,
    struct pd_err *err)
{
	uint8_t k[KEY_LEN];
	struct sig s;

	if (parse_key(key, k))
		return pd_err_set(err, "not a minisign public key");
	if (parse_sig(sig, &s))
		return pd_err_set(err, "not a minisign signature");
	if (memcmp(s.sig + 2, k + 2, ID_LEN) != 0)
		return pd_err_set(
		    err, "signed by another key than the trusted one");
	if (!file_ok(&s, p, n, k + 2 + ID_LEN))
		return pd_err_set(
		    err, "the signature does not fit the content");
	if (!comment_ok(&s, k + 2 + ID_LEN))
		return pd_err_set(err, "the trusted comment was changed");
	return 0;
}

/* Read a small text file; the text, in ${out}, or NULL. */
static const char *
read_text(const char *path, struct pd_buf *out, struct pd_err *err)
{
	const char *s;

	if (pd_read_file(path, MAX_FILE, out, err))
		return NULL;
	if ((s = pd_buf_cstr(out)) == NULL)
		pd_err_nomem(err);
	return s;
}

int
pd_signature_check(const char *path, const void *p, size_t n, const char *key,
    struct pd_err *err)
{
	const size_t len = strlen(path) + sizeof(".minisig");
	struct pd_buf keybuf = PD_BUF_INIT, sigbuf = PD_BUF_INIT;
	const char *keytext, *sigtext;
	char *sigpath;
	int r = -1;

	if ((sigpath = malloc(len)) == NULL)
		return pd_err_nomem(err);
	snprintf(sigpath, len, "%s.minisig", path);
	if ((keytext = read_text(key, &keybuf, err)) != NULL &&
	    (sigtext = read_text(sigpath, &sigbuf, err)) != NULL) {
		r = pd_signature_verify(sigtext, keytext, p, n, err);
		if (r)
			pd_err_prefix(
			    err, "cannot trust '%s' by '%s'", path, key);
	}
	pd_buf_release(&keybuf);
	pd_buf_release(&sigbuf);
	free(sigpath);
	return r;
}
