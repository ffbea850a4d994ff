#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/keyfile.h"
#include "data/segment.h"
#include "data/transport.h"
#include "sample.h"

struct sample_options sample_opt = {
    .rate = 1, .window_us = PD_SAMPLE_WINDOW_US, .seed = 1};

const char *
sample_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* A segment may be finished between its being listed and opened. */
static int
open_finished(const char *path)
{
	char name[4096];

	snprintf(name, sizeof(name), "%.*s",
	    (int)(strlen(path) - strlen(PD_SEGMENT_PART)), path);
	return open(name, O_RDONLY | O_CLOEXEC);
}

int
sample_open(const char *path)
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") != 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	else if (isatty(STDIN_FILENO))
		return pd_cli_usage(
			   "standard input is a terminal: name a file"),
		       -1;
	else
		fd = dup(STDIN_FILENO);
	if (fd < 0 && errno == ENOENT && sample_growing(path))
		fd = open_finished(path);
	if (fd < 0) {
		pd_cli_failf("cannot open '%s': %s", path, strerror(errno));
	} else if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		pd_cli_failf("'%s' is a directory", sample_name(path));
		close(fd);
		return -1;
	}
	return fd;
}

/* The temporary file that a signal must not leave behind. */
static const char *volatile tmp_path;

static void
on_signal(int sig)
{
	const char *p = tmp_path;

	if (p != NULL)
		unlink(p);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
guard_tmp(const char *path)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP};

	tmp_path = path;
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		if (signal(sigs[i], path != NULL ? on_signal : SIG_DFL) ==
		    SIG_IGN)
			signal(sigs[i], SIG_IGN); /* as nohup(1) wants it */
}

static int
open_file(struct sample_out *o, bool append, struct pd_err *err)
{
	struct stat st;
	const bool special = stat(sample_opt.output, &st) == 0 &&
			     !S_ISREG(st.st_mode); /* a pipe or a device */
	int how = O_CREAT | O_EXCL;

	if (!o->in_place) {
		if (pd_atomicfile_open(&o->file, sample_opt.output, 0666, err))
			return -1;
		o->fd = o->file.fd;
		guard_tmp(o->file.tmp);
		return 0;
	}
	if (special)
		how = O_NOCTTY;
	else if (append)
		how = O_CREAT | O_APPEND;
	o->fd = open(sample_opt.output, O_WRONLY | O_CLOEXEC | how, 0666);
	if (o->fd >= 0)
		return 0;
	if (errno == EEXIST)
		return pd_err_set(err,
		    "'%s' exists: remove it, or use --append to add to it",
		    sample_opt.output);
	return pd_err_sys(err, "cannot create '%s'", sample_opt.output);
}

static int
write_net(void *cookie, const void *p, size_t n, struct pd_err *err)
{
	struct sample_out *o = cookie;

	if (pd_transport_write(o->net, p, n, err) == 0)
		return 0;
	o->net_failed = true;
	return -1;
}

/* --to: the writer's blocks go to a transport. */
static int
open_net(struct sample_out *o)
{
	struct pd_pds_wopts w = {.fd = -1, .write = write_net};
	struct pd_err err = PD_ERR_INIT;
	struct pd_transport_opts n;

	if (sample_opt.output != NULL)
		return pd_cli_usage("--to and -o are two outputs: name one"),
		       -1;
	if (sample_net_opts(&n))
		return -1;
	n.live = o->in_place;
	if ((o->net = pd_transport_sender(sample_opt.to, &n, &err)) != NULL) {
		w.cookie = o;
		o->made = w;
		if ((o->w = pd_pds_writer_new(&w, &err)) != NULL)
			return 0;
	}
	pd_cli_fail(&err);
	sample_out_abort(o);
	return -1;
}

int
sample_out_open(struct sample_out *o, bool in_place, bool append)
{
	struct pd_pds_wopts w = {.bare = sample_opt.bare};
	struct pd_err err = PD_ERR_INIT;

	memset(o, 0, sizeof(*o));
	o->file = (struct pd_atomicfile)PD_ATOMICFILE_INIT;
	o->fd = STDOUT_FILENO;
	o->in_place = in_place;
	if (sample_opt.to != NULL)
		return open_net(o);
	if (sample_opt.output != NULL && strcmp(sample_opt.output, "-") == 0)
		sample_opt.output = NULL;
	if (sample_opt.output == NULL && isatty(STDOUT_FILENO)) {
		pd_cli_usage("a stream is not for a terminal: use -o FILE, "
			     "or pipe it into predis-sample print");
		return -1;
	}
	if (sample_opt.output != NULL && open_file(o, append, &err)) {
		pd_cli_fail(&err);
		return -1;
	}
	w.fd = o->fd;
	w.name =
	    sample_opt.output != NULL ? sample_opt.output : "standard output";
	o->made = w;
	if ((o->w = pd_pds_writer_new(&w, &err)) == NULL) {
		pd_cli_fail(&err);
		sample_out_abort(o);
		return -1;
	}
	return 0;
}

struct pd_pds_writer *
sample_out_another(const struct sample_out *o)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_writer *w = pd_pds_writer_new(&o->made, &err);

	if (w == NULL)
		pd_cli_fail(&err);
	return w;
}

int
sample_out_header(struct sample_out *o, const struct pd_pds_meta *m)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf text = PD_BUF_INIT;
	struct pd_pds_meta out = *m;
	int rc = -1;

	snprintf(out.tool, sizeof(out.tool), "predis-sample %s", PD_VERSION);
	if (pd_pds_meta_encode(&out, &text))
		pd_err_nomem(&err);
	else
		rc = pd_pds_header(
		    o->w, (const char *)text.data, text.len, &err);
	if (rc)
		pd_cli_fail(&err);
	pd_buf_release(&text);
	return rc;
}

int
sample_out_tick(struct sample_out *o)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_transport_stats s;

	if (o->net == NULL)
		return 0;
	if (pd_transport_tick(o->net, &err)) {
		o->net_failed = true;
		pd_cli_fail(&err);
		return -1;
	}
	pd_transport_stats(o->net, &s);
	if (s.dropped > 2 * o->dropped) {
		o->dropped = s.dropped;
		pd_cli_note("'%s': %llu blocks dropped so far: the peer is "
			    "too slow",
		    sample_opt.to, (unsigned long long)s.dropped);
	}
	return 0;
}

bool
sample_out_gone(const struct sample_out *o)
{
	struct pollfd p = {.fd = o->fd};

	if (o->net != NULL || poll(&p, 1, 0) <= 0 || !(p.revents & POLLERR))
		return false;
	pd_cli_failf("nobody reads the output any more");
	return true;
}

int
sample_out_finish(struct sample_out *o)
{
	struct pd_err err = PD_ERR_INIT;
	int rc;

	if (o->net_failed) {
		sample_out_abort(o);
		return -1;
	}
	rc = o->ended ? 0 : pd_pds_end(o->w, &err);
	if (o->net != NULL) {
		if (rc == 0)
			rc = pd_transport_flush(o->net, &err);
	}
	if (rc == 0 && !o->in_place && o->net == NULL &&
	    sample_opt.output != NULL) {
		guard_tmp(NULL);
		rc = pd_atomicfile_commit(&o->file, &err);
	} else if (rc == 0 && sample_opt.output != NULL && fsync(o->fd) &&
		   errno != EINVAL && errno != ENOTSUP && errno != EROFS) {
		rc = pd_err_sys(&err, "cannot write '%s'", sample_opt.output);
	}
	if (rc)
		pd_cli_fail(&err);
	sample_out_abort(o); /* frees only, after a commit */
	return rc;
}

void
sample_out_abort(struct sample_out *o)
{
	pd_pds_writer_free(o->w);
	o->w = NULL;
	if (o->net != NULL)
		(void)sample_net_report(o->net, sample_opt.to);
	pd_transport_close(o->net);
	o->net = NULL;
	if (tmp_path != NULL)
		guard_tmp(NULL);
	pd_atomicfile_abort(&o->file);
	if (o->in_place && o->fd > STDERR_FILENO)
		close(o->fd);
	o->fd = -1;
}

int
sample_keys(struct pd_keys *k)
{
	struct pd_err err = PD_ERR_INIT;
	bool made;

	if (sample_opt.key_file == NULL) {
		pd_keys_public(k);
		return 0;
	}
	made = access(sample_opt.key_file, F_OK) != 0;
	if (pd_keys_load(k, sample_opt.key_file, 1, &err) == 0) {
		if (made)
			pd_cli_note(
			    "made the key file '%s'", sample_opt.key_file);
		return 0;
	}
	pd_cli_fail(&err);
	return -1;
}

int
sample_keys_live(struct pd_keys *k)
{
	if (sample_opt.key_file != NULL)
		return sample_keys(k);
	pd_keys_random(k);
	pd_cli_note("keys are hashed under a key made for this run alone: "
		    "with --key-file FILE they stay the same");
	return 0;
}

/* What a second sampling of the same kind leaves. */
static double
combined_rate(const struct pd_pds_meta *m, enum pd_scheme scheme)
{
	/* Windows are chosen by one rule: the smaller share is inside. */
	if (scheme == PD_SAMPLE_WINDOW && m->scheme == PD_SAMPLE_WINDOW)
		return m->rate < sample_opt.rate ? m->rate : sample_opt.rate;
	return m->rate * sample_opt.rate;
}

int
sample_rule(struct pd_sampler *s, struct pd_pds_meta *m,
    const struct pd_keys *k, bool has_keytext)
{
	const char *by = sample_opt.by != NULL ? sample_opt.by : "key";
	const int scheme = pd_scheme_parse(by);
	uint64_t salt = k->select_salt, bits;

	pd_sampler_init(s, PD_SAMPLE_NONE, 1, 0, 0);
	if (scheme <= PD_SAMPLE_NONE) {
		pd_cli_usage("--by is key, event or window, not '%s'", by);
		return -1;
	}
	if (!(sample_opt.rate > 0)) {
		pd_cli_usage("--rate must be above 0");
		return -1;
	}
	if (sample_opt.window_us == 0) {
		pd_cli_usage("--window must be above 0");
		return -1;
	}
	if (sample_opt.rate >= 1)
		return 0;
	if (m->scheme != PD_SAMPLE_NONE && (int)m->scheme != scheme) {
		pd_cli_failf("a stream sampled by %s cannot be sampled by %s",
		    pd_scheme_name(m->scheme), by);
		return -1;
	}
	/* A second selection by key must not repeat the first one. */
	if (!has_keytext && m->rate < 1 && scheme == PD_SAMPLE_KEY) {
		memcpy(&bits, &m->rate, sizeof(bits));
		salt ^= pd_mix64(bits);
	}
	pd_sampler_init(
	    s, (enum pd_scheme)scheme, sample_opt.rate, salt, sample_opt.seed);
	s->window_us = sample_opt.window_us;
	m->rate = combined_rate(m, (enum pd_scheme)scheme);
	m->scheme = (enum pd_scheme)scheme;
	m->window_us = scheme == PD_SAMPLE_WINDOW ? s->window_us : 0;
	m->salt_id = k->id;
	return 0;
}

bool
sample_only_grows(const char *name, const struct pd_pds_stats *s,
    const struct pd_pds_damage *list, size_t n)
{
	const struct pd_pds_damage *last = n > 0 ? &list[n - 1] : NULL;

	/* The block that is being written, and the end marker. */
	while (n > 0 && list[n - 1].offset + list[n - 1].length >= last->offset)
		n--;
	return sample_growing(name) && s->truncated && n == 0;
}

bool
sample_note_damage(const char *name, const struct pd_pds_stats *s,
    const struct pd_pds_damage *list, size_t n)
{
	if (sample_only_grows(name, s, list, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct pd_pds_damage *d = &list[i];
		char bytes[40] = "", records[60] = "";

		if (d->length > 0)
			snprintf(bytes, sizeof(bytes), ", %llu bytes",
			    (unsigned long long)d->length);
		if (d->records > 0 || d->records_known)
			snprintf(records, sizeof(records),
			    ", %s%llu records lost",
			    d->records_known ? "" : "at least ",
			    (unsigned long long)d->records);
		pd_cli_note("'%s': offset %llu: %s%s%s", name,
		    (unsigned long long)d->offset, d->what, bytes, records);
	}
	if (s->damaged > n)
		pd_cli_note("'%s': %llu more damaged ranges", name,
		    (unsigned long long)(s->damaged - n));
	return s->damaged > 0;
}
