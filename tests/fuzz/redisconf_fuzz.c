/*
 * Configuration files of Redis from hostile bytes: taken or refused; what was
 * taken names its strings, and all memory goes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/redisconf.h"
#include "cache/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pd_server_config cfg;
	struct pd_err err = PD_ERR_INIT;
	struct pd_redisconf rc;
	unsigned i;

	pd_server_config_init(&cfg);
	if (pd_redisconf_parse(&rc, "f", (const char *)p, n, &cfg, &err) == 0) {
		for (i = 0; i < rc.nsettings; i++)
			if (rc.settings[i].name[0] == '\0' &&
			    rc.settings[i].line == 0)
				abort();
		if (cfg.bind == NULL || strlen(cfg.bind) == 0 ||
		    cfg.port > 65535 || cfg.port == 0 || cfg.port < -1)
			abort();
	} else if (err.msg[0] == '\0') {
		abort();
	}
	pd_redisconf_release(&rc);
	return 0;
}
