/* What the running server may still reach: --sandbox, --model-dir. */

#define _XOPEN_SOURCE 700 /* realpath */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cache/server.h"
#include "confine.h"
#include "io/sandbox.h"

#define DIRS_MAX 16
#define PATHS_MAX (DIRS_MAX + 16)

static const char *model_dirs[DIRS_MAX];
static unsigned nmodel_dirs;

/* The folders of files, made whole; freed at the end. */
struct paths {
	struct pd_sandbox_path v[PATHS_MAX];
	size_t n;
	char *own[PATHS_MAX];
	size_t nown;
};

int
confine_model_dir(void *dest, const char *value, struct pd_err *err)
{
	(void)dest;
	if (nmodel_dirs == DIRS_MAX)
		return pd_err_set(
		    err, "--model-dir: at most %d folders", DIRS_MAX);
	model_dirs[nmodel_dirs++] = value;
	return 0;
}

int
confine_check(const char *mode, struct pd_err *err)
{
	if (strcmp(mode, "auto") != 0 && strcmp(mode, "on") != 0 &&
	    strcmp(mode, "off") != 0)
		return pd_err_set(err, "--sandbox: auto, on or off");
	return 0;
}

static void
add(struct paths *p, const char *path, unsigned rights)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->v[i].path, path) == 0) {
			p->v[i].rights |= rights;
			return;
		}
	p->v[p->n++] = (struct pd_sandbox_path){path, rights};
}

/* The folder that holds ${file}, or that of what a link leads to: files are
 * replaced by rename. */
static int
add_folder(
    struct paths *p, const char *file, unsigned rights, struct pd_err *err)
{
	char *whole, *slash;

	if (file == NULL)
		return 0;
	if ((whole = realpath(file, NULL)) == NULL &&
	    (whole = strdup(file)) == NULL)
		return pd_err_nomem(err);
	p->own[p->nown++] = whole;
	slash = strrchr(whole, '/');
	if (slash == NULL) {
		add(p, ".", rights);
		return 0;
	}
	slash[slash == whole] = '\0';
	add(p, whole, rights);
	return 0;
}

static bool
is_path(const char *address)
{
	return address != NULL && strchr(address, '/') != NULL;
}

/* All that may be needed later. */
static int
gather(struct paths *p, const struct pd_server_config *cfg, bool confine_models,
    const char *port_file, struct pd_err *err)
{
	const unsigned rw = PD_SANDBOX_READ | PD_SANDBOX_WRITE;
	const char *tap = cfg->tap;
	unsigned i;

	if (tap != NULL && strncmp(tap, "unix:", 5) == 0)
		tap += 5;
	if (add_folder(p, cfg->aclfile, rw, err) ||
	    add_folder(p, cfg->config_file, rw, err) ||
	    add_folder(p, cfg->snapshot, rw, err) ||
	    add_folder(p, port_file, rw, err) ||
	    add_folder(p, cfg->unixsocket, rw, err) ||
	    add_folder(p, cfg->snapshot, rw, err) ||
	    add_folder(p, is_path(tap) ? tap : NULL, rw, err) ||
	    add_folder(p, cfg->trusted_key, PD_SANDBOX_READ, err) ||
	    add_folder(p, cfg->model, PD_SANDBOX_READ, err) ||
	    add_folder(p, cfg->tls_cert, PD_SANDBOX_READ, err) ||
	    add_folder(p, cfg->tls_key, PD_SANDBOX_READ, err) ||
	    add_folder(p, cfg->tls_ca, PD_SANDBOX_READ, err))
		return -1;
	add(p, "/proc/self", PD_SANDBOX_READ);
	add(p, "/dev/null", rw);
	add(p, "/dev/urandom", PD_SANDBOX_READ);
	for (i = 0; i < nmodel_dirs; i++)
		add(p, model_dirs[i], PD_SANDBOX_READ);
	if (!confine_models)
		add(p, "/", PD_SANDBOX_READ);
	return 0;
}

static void
log_box(struct pd_server *s, const struct pd_sandbox *box,
    const struct paths *p, bool confine_models)
{
	struct pd_buf b = PD_BUF_INIT;
	size_t i;

	pd_buf_addstr(&b, "sandbox:");
	if (box->landlock > 0) {
		pd_buf_printf(&b, " Landlock %d, writes", box->landlock);
		for (i = 0; i < p->n; i++)
			if (p->v[i].rights & PD_SANDBOX_WRITE)
				pd_buf_printf(&b, " '%s'", p->v[i].path);
		pd_buf_addstr(&b, confine_models ? ", reads named folders only;"
						 : ", reads any folder;");
	} else {
		pd_buf_addstr(&b, " no Landlock here;");
	}
	pd_buf_addstr(&b, box->seccomp ? " seccomp" : " no seccomp here");
	if (pd_buf_cstr(&b) != NULL)
		pd_server_log(s, PD_LOG_NOTICE, "%s", (char *)b.data);
	pd_buf_release(&b);
}

int
confine_enter(struct pd_server *s, const char *mode, const char *port_file,
    struct pd_err *err)
{
	const bool must = strcmp(mode, "on") == 0;
	const bool confine_models = must || nmodel_dirs > 0;
	struct pd_sandbox box;
	struct paths p = {.n = 0};
	int r;

	if (strcmp(mode, "off") == 0)
		return 0;
	r = gather(&p, &s->cfg, confine_models, port_file, err);
	if (r == 0)
		r = pd_sandbox_enter(p.v, p.n, &box, err);
	if (r == 0)
		log_box(s, &box, &p, confine_models);
	if (r == 0 && must && (box.landlock == 0 || !box.seccomp))
		r = pd_err_set(err, "--sandbox on: this kernel has no %s",
		    box.landlock == 0 ? "Landlock" : "seccomp");
	while (p.nown > 0)
		free(p.own[--p.nown]);
	return r;
}
