/* predis-drift: has the data changed since the model was trained? */
#include "drift.h"

static const struct pd_verb verbs[] = {
    {"profile", "FEATURES.pds", "describe a stream of features as a reference",
	profile_opts, 1, 1, profile_run},
    {"test", "FEATURES.pds", "compare a stream of features with a reference",
	test_opts, 1, 1, test_run},
    {"ks", "A B", "Kolmogorov-Smirnov test of two files of numbers", ks_opts, 2,
	2, ks_run},
    {"psi", "A B", "population stability index of B against A", psi_opts, 2, 2,
	psi_run},
    {"adwin", "", "find changes of the mean in numbers on standard input",
	adwin_opts, 0, 0, adwin_run},
    {"cusum", "REFERENCE", "tell when numbers on standard input left REFERENCE",
	cusum_opts, 1, 1, cusum_run},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct pd_program program = {
    "predis-drift",
    "tell whether the data has drifted since a reference was taken",
    verbs,
    "  predis-drift profile -o ref.pdp monday.pds\n"
    "  predis-drift test --profile ref.pdp tuesday.pds\n"
    "  cut -d, -f3 old.csv | predis-drift ks - new.txt\n",
};

int
main(int argc, char **argv)
{
	return pd_cli_main(&program, argc, argv);
}
