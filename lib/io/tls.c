#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "io/tls.h"

struct pd_tls_ctx {
	SSL_CTX *ctx;
	bool client;
};

struct pd_tls {
	SSL *ssl;
	bool wants_write;
};

static int
fail(struct pd_err *err, const char *what, const char *path)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return pd_err_set(err, "cannot use TLS %s '%s': %s", what, path, text);
}

static int
load_pair(SSL_CTX *c, const char *cert, const char *key, struct pd_err *err)
{
	if (SSL_CTX_use_certificate_chain_file(c, cert) != 1)
		return fail(err, "certificate", cert);
	if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(c) != 1)
		return fail(err, "key", key);
	return 0;
}

static int
load(SSL_CTX *c, const char *cert, const char *key, const char *ca,
    struct pd_err *err)
{
	if (load_pair(c, cert, key, err))
		return -1;
	if (ca == NULL)
		return 0;
	if (SSL_CTX_load_verify_locations(c, ca, NULL) != 1)
		return fail(err, "authorities", ca);
	SSL_CTX_set_verify(
	    c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static struct pd_tls_ctx *
new_ctx(const SSL_METHOD *side, struct pd_err *err)
{
	struct pd_tls_ctx *t = calloc(1, sizeof(*t));

	if (t == NULL)
		goto err0;
	if ((t->ctx = SSL_CTX_new(side)) == NULL)
		goto err1;
	SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				     SSL_MODE_RELEASE_BUFFERS);
	return t;
err1:
	free(t);
err0:
	pd_err_nomem(err);
	return NULL;
}

struct pd_tls_ctx *
pd_tls_ctx_new(
    const char *cert, const char *key, const char *ca, struct pd_err *err)
{
	struct pd_tls_ctx *t = new_ctx(TLS_server_method(), err);

	if (t != NULL && load(t->ctx, cert, key, ca, err)) {
		pd_tls_ctx_free(t);
		return NULL;
	}
	return t;
}

static int
trust(SSL_CTX *c, const char *ca, const char *cert, const char *key,
    struct pd_err *err)
{
	if (ca != NULL ? SSL_CTX_load_verify_locations(c, ca, NULL) != 1
		       : SSL_CTX_set_default_verify_paths(c) != 1)
		return fail(err, "authorities", ca != NULL ? ca : "system");
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	if ((cert == NULL) != (key == NULL))
		return pd_err_set(
		    err, "a TLS certificate and its key come together");
	return cert != NULL ? load_pair(c, cert, key, err) : 0;
}

struct pd_tls_ctx *
pd_tls_ctx_client(
    const char *ca, const char *cert, const char *key, struct pd_err *err)
{
	struct pd_tls_ctx *t = new_ctx(TLS_client_method(), err);

	if (t == NULL)
		return NULL;
	t->client = true;
	if (trust(t->ctx, ca, cert, key, err)) {
		pd_tls_ctx_free(t);
		return NULL;
	}
	return t;
}

void
pd_tls_ctx_free(struct pd_tls_ctx *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

struct pd_tls *
pd_tls_new(struct pd_tls_ctx *ctx, int fd)
{
	struct pd_tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	if ((t->ssl = SSL_new(ctx->ctx)) == NULL ||
	    SSL_set_fd(t->ssl, fd) != 1) {
		SSL_free(t->ssl);
		ERR_clear_error();
		free(t);
		return NULL;
	}
	if (ctx->client)
		SSL_set_connect_state(t->ssl);
	else
		SSL_set_accept_state(t->ssl);
	return t;
}

int
pd_tls_expect(struct pd_tls *t, const char *host)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(t->ssl);
	int ok = X509_VERIFY_PARAM_set1_ip_asc(p, host);

	if (ok != 1)
		ok = X509_VERIFY_PARAM_set1_host(p, host, 0) == 1 &&
		     SSL_set_tlsext_host_name(t->ssl, host) == 1;
	ERR_clear_error();
	return ok ? 0 : -1;
}

const char *
pd_tls_distrust(const struct pd_tls *t)
{
	const long e = SSL_get_verify_result(t->ssl);

	return e == X509_V_OK ? NULL : X509_verify_cert_error_string(e);
}

void
pd_tls_free(struct pd_tls *t)
{
	if (t == NULL)
		return;
	if (SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	ERR_clear_error();
	SSL_free(t->ssl);
	free(t);
}

/* The result of an SSL_read() or SSL_write() as that of read(2). */
static ssize_t
result(struct pd_tls *t, int r)
{
	const int e = r > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r);
	const int sys = errno;

	ERR_clear_error();
	t->wants_write = e == SSL_ERROR_WANT_WRITE;
	switch (e) {
	case SSL_ERROR_NONE:
		return r;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		errno = sys != 0 ? sys : ECONNRESET;
		return -1;
	default:
		errno = EPROTO;
		return -1;
	}
}

ssize_t
pd_tls_read(struct pd_tls *t, void *p, size_t n)
{
	errno = 0;
	return result(t, SSL_read(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n));
}

ssize_t
pd_tls_write(struct pd_tls *t, const void *p, size_t n)
{
	errno = 0;
	return result(t, SSL_write(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n));
}

bool
pd_tls_wants_write(const struct pd_tls *t)
{
	return t->wants_write;
}

bool
pd_tls_pending(const struct pd_tls *t)
{
	return SSL_pending(t->ssl) > 0;
}
