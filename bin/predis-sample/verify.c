#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/json.h"
#include "sample.h"

const struct pd_opt sample_verify_opts[] = {
    SAMPLE_JSON_OPT,
    PD_OPT_END,
};

static int
print_text(const char *name, const struct pd_pds_damage *d)
{
	char records[24] = "?";

	if (d->records_known)
		snprintf(records, sizeof(records), "%llu",
		    (unsigned long long)d->records);
	printf("%s\t%llu\t%llu\t%s\t%s\n", name, (unsigned long long)d->offset,
	    (unsigned long long)d->length, records, d->what);
	return 0;
}

static int
print_json(const char *name, const struct pd_pds_damage *d)
{
	struct pd_buf out = PD_BUF_INIT;
	struct pd_json j;
	int rc;

	pd_json_init(&j, &out);
	pd_json_open(&j, '{');
	pd_json_key(&j, "file");
	pd_json_str(&j, name);
	pd_json_key(&j, "offset_bytes");
	pd_json_u64(&j, d->offset);
	pd_json_key(&j, "length_bytes");
	pd_json_u64(&j, d->length);
	pd_json_key(&j, "records_lost");
	if (d->records_known)
		pd_json_u64(&j, d->records);
	else
		pd_json_null(&j);
	pd_json_key(&j, "records_lost_at_least");
	pd_json_u64(&j, d->records);
	pd_json_key(&j, "what");
	pd_json_str(&j, d->what);
	pd_json_close(&j, '}');
	pd_buf_addc(&out, '\n');
	rc = pd_cli_out(out.data, out.len);
	pd_buf_release(&out);
	return rc;
}

/* Read all blocks of ${r}. 0, or -1 having reported. */
static int
read_all(struct pd_pds_reader *r, const char *name)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_block b;
	int rc;

	while ((rc = pd_pds_next(r, &b, &err)) == PD_PDS_GOT)
		if (pd_pds_verify(r, &b) < 0) {
			pd_cli_failf("out of memory");
			return -1;
		}
	if (rc < 0) {
		pd_err_prefix(&err, "'%s'", name);
		pd_cli_fail(&err);
	}
	return rc;
}

static int
verify_one(const char *path)
{
	const char *name = sample_name(path);
	const int fd = sample_open(path);
	const struct pd_pds_damage *list;
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	int status = PD_EXIT_FAIL;
	size_t n;

	if (fd < 0)
		return PD_EXIT_FAIL;
	if ((r = pd_pds_reader_fd(fd)) == NULL) {
		close(fd);
		return pd_cli_failf("out of memory");
	}
	if (read_all(r, name) == 0) {
		n = pd_pds_damage(r, &list);
		pd_pds_reader_stats(r, &s);
		if (sample_only_grows(name, &s, list, n))
			n = s.damaged = 0;
		if (s.blocks == 0)
			pd_cli_failf(
			    "'%s' holds no block of a PDS stream", name);
		else
			status = s.damaged > 0 ? PD_EXIT_NO : PD_EXIT_YES;
		for (size_t i = 0; i < n && s.blocks > 0; i++)
			if ((sample_opt.json ? print_json : print_text)(
				name, &list[i]))
				status = PD_EXIT_FAIL;
		if (s.damaged > n)
			pd_cli_note("'%s': %llu more damaged ranges", name,
			    (unsigned long long)(s.damaged - n));
	}
	pd_pds_reader_free(r);
	close(fd);
	return status;
}

int
sample_verify(int argc, char **argv)
{
	int status = PD_EXIT_YES, s;
	char **path;

	if ((path = sample_operands(&argc, argv, 0, UINT64_MAX)) == NULL)
		return PD_EXIT_FAIL;
	for (int i = 0; i < argc; i++)
		if ((s = verify_one(path[i])) > status)
			status = s;
	sample_operands_free(argc, path);
	return status;
}
