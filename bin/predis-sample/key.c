/*
 * The deployment's key file: made, changed, named. Its 32 bytes are never
 * printed, only the number that headers carry.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/keyfile.h"
#include "io/atomicfile.h"
#include "sample.h"

const struct pd_opt sample_key_opts[] = {
    PD_OPT_END,
};

/* Print what headers call the key. */
static int
say(const struct pd_keys *k)
{
	char line[16];
	const int n = snprintf(line, sizeof(line), "%" PRIu32 "\n", k->id);

	return pd_cli_out(line, (size_t)n) < 0 ? PD_EXIT_FAIL : PD_EXIT_YES;
}

/* Put another secret in the place of the one that ${path} holds. */
static int
rotate(const char *path, struct pd_keys *k, struct pd_err *err)
{
	uint8_t secret[PD_KEYFILE_BYTES];
	struct pd_keys old;
	int rc = -1;

	if (pd_keys_load(&old, path, 0, err))
		return -1;
	pd_keys_secret(secret);
	if (pd_atomicfile_write(path, secret, sizeof(secret), 0600, err) == 0)
		rc = pd_keys_load(k, path, 0, err);
	pd_keys_forget(secret);
	if (rc == 0)
		pd_cli_note("'%s': key %" PRIu32 " is gone, %" PRIu32
			    " takes its place when the server is restarted; "
			    "keys of streams before and after cannot be joined",
		    path, old.id, k->id);
	return rc;
}

int
sample_key(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_keys k;
	int rc;

	(void)argc;
	if (strcmp(argv[0], "new") == 0)
		rc = pd_keys_create(argv[1], &err) ||
		     pd_keys_load(&k, argv[1], 0, &err);
	else if (strcmp(argv[0], "rotate") == 0)
		rc = rotate(argv[1], &k, &err);
	else if (strcmp(argv[0], "id") == 0)
		rc = pd_keys_load(&k, argv[1], 0, &err);
	else
		return pd_cli_usage(
		    "key new, key rotate or key id, not '%s'", argv[0]);
	return rc ? pd_cli_fail(&err) : say(&k);
}
