#ifndef PREDIS_SERVE_CONFINE_H
#define PREDIS_SERVE_CONFINE_H

/*
 * --sandbox and --model-dir: what the running server may still reach, from
 * the files that were named at its start.
 */

struct pd_err;
struct pd_server;

/* --model-dir, for an option table. */
int confine_model_dir(void *dest, const char *value, struct pd_err *err);

/* Is it a mode of --sandbox? 0, or -1 with a message. */
int confine_check(const char *mode, struct pd_err *err);

/*
 * confine_enter(s, mode, port_file, err):
 * Enter the sandbox once everything is open, before threads are started, and
 * log what took effect. ${port_file} may be NULL. 0, or -1 with a message:
 * the kernel refused, or with "on" lacks it.
 */
int confine_enter(struct pd_server *s, const char *mode, const char *port_file,
    struct pd_err *err);

#endif /* PREDIS_SERVE_CONFINE_H */
