/* predis-retrain: models for predis-serve, from what it was asked for. */

#include "cli/cli.h"
#include "train.h"
#include "validate.h"

static const struct pd_verb verbs[] = {
    {"train", "EVENTS...",
	"learn a model from events; exit 1 if no better than LRU",
	retrain_train_opts, 1, -1, retrain_train},
    {"refresh", "EVENTS...",
	"fit a model's leaves to newer events; exit 1 if it is no better",
	retrain_refresh_opts, 1, -1, retrain_refresh},
    {"validate", "MODEL", "would a server load this bundle; exit 1 if not",
	retrain_validate_opts, 1, 1, retrain_validate},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct pd_program program = {
    "predis-retrain",
    "Train models for predis-serve and check them",
    verbs,
    "  predis-retrain train events.pds -o model.pdm\n"
    "  predis-retrain train --capacity 10% -o web.pdm web07.csv.gz\n",
};

int
main(int argc, char **argv)
{
	return pd_cli_main(&program, argc, argv);
}
