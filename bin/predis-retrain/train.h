#ifndef PREDIS_RETRAIN_TRAIN_H
#define PREDIS_RETRAIN_TRAIN_H

/*
 * predis-retrain train EVENTS... -o MODEL.pdm: a model from what a cache was
 * asked for. predis-retrain refresh -m OLD.pdm EVENTS... -o MODEL.pdm: the same
 * trees, the values of their leaves from newer events.
 */

#include "cli/cli.h"

extern const struct pd_opt retrain_train_opts[];
extern const struct pd_opt retrain_refresh_opts[];

/* Exit status: 0 written, 1 no better than LRU on the hold-out, 2 failure,
 * 3 too little to learn from. */
int retrain_train(int argc, char **argv);

/* Likewise; 1 also when the model became worse than the old one. */
int retrain_refresh(int argc, char **argv);

#endif /* PREDIS_RETRAIN_TRAIN_H */
