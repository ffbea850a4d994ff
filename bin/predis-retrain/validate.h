#ifndef PREDIS_RETRAIN_VALIDATE_H
#define PREDIS_RETRAIN_VALIDATE_H

/*
 * predis-retrain validate MODEL.pdm: would a server load this bundle?
 */

#include "cli/cli.h"

extern const struct pd_opt retrain_validate_opts[];

/* Exit status: 0 it would, 1 it would not, 2 the file cannot be read. */
int retrain_validate(int argc, char **argv);

#endif /* PREDIS_RETRAIN_VALIDATE_H */
