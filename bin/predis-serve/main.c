/* predis-serve: a cache that speaks RESP and learns what to evict. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/keyfile.h"
#include "base/num.h"
#include "cache/policy.h"
#include "cache/redisconf.h"
#include "cache/server.h"
#include "cache/store.h"
#include "cli/cli.h"
#include "confine.h"
#include "io/atomicfile.h"
#include "io/fd.h"
#include "model/model.h"

#define UNSET UINT64_MAX
/* LeakSanitizer stops the process that it looks at: ptrace. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX "off"
#else
#define SANDBOX "auto"
#endif
#define SETTINGS_MAX 64

static struct pd_redisconf redis_conf;
static const char *settings[SETTINGS_MAX];
static unsigned nsettings;

static struct {
	struct pd_server_config cfg;
	uint64_t port;
	uint64_t tls_port;
	uint64_t maxmemory;
	const char *password_file;
	const char *key_file;
	const char *port_file;
	const char *tap_by;
	const char *tap_rate;
	const char *tap_namespaces;
	const char *objective;
	const char *log_level;
	const char *debug;
	const char *sandbox;
	bool protected_mode;
} opt = {
    .port = 6379,
    .tls_port = UNSET,
    .maxmemory = UNSET,
    .tap_by = NULL,
    .objective = "objects",
    .log_level = "notice",
    .sandbox = SANDBOX,
    .protected_mode = true,
};

/* --set NAME=VALUE, for when the server is there. */
static int
note_setting(void *dest, const char *value, struct pd_err *err)
{
	(void)dest;
	if (strchr(value, '=') == NULL || value[0] == '=')
		return pd_err_set(err, "--set takes NAME=VALUE");
	if (nsettings == SETTINGS_MAX)
		return pd_err_set(
		    err, "--set: at most %d options", SETTINGS_MAX);
	settings[nsettings++] = value;
	return 0;
}

static const struct pd_opt opts[] = {
    {0, "bind", "ADDRESSES", PD_OPT_STR, &opt.cfg.bind, NULL,
	"addresses to listen on (default 127.0.0.1)"},
    {'p', "port", "N", PD_OPT_U64, &opt.port, NULL,
	"TCP port (default 6379; 0: any free one)"},
    {0, "port-file", "FILE", PD_OPT_STR, &opt.port_file, NULL,
	"write the port in use to FILE"},
    {0, "unixsocket", "PATH", PD_OPT_STR, &opt.cfg.unixsocket, NULL,
	"listen on a Unix socket too"},
    {0, "tls-port", "N", PD_OPT_U64, &opt.tls_port, NULL,
	"TCP port for TLS (0: any free one)"},
    {0, "tls-cert-file", "FILE", PD_OPT_STR, &opt.cfg.tls_cert, NULL,
	"the server's certificate chain, PEM"},
    {0, "tls-key-file", "FILE", PD_OPT_STR, &opt.cfg.tls_key, NULL,
	"its private key, PEM"},
    {0, "tls-ca-cert-file", "FILE", PD_OPT_STR, &opt.cfg.tls_ca, NULL,
	"ask clients for a certificate from these authorities"},
    {0, "requirepass-file", "FILE", PD_OPT_STR, &opt.password_file, NULL,
	"clients must give the password on FILE's first line"},
    {0, "aclfile", "FILE", PD_OPT_STR, &opt.cfg.aclfile, NULL,
	"users and their rules; ACL SAVE writes it"},
    {0, "set", "NAME=VALUE", PD_OPT_CALL, NULL, note_setting,
	"set an option as CONFIG SET does; can be repeated"},
    {0, "protected-mode", NULL, PD_OPT_FLAG, &opt.protected_mode, NULL,
	"serve this machine only without a password (off: "
	"--no-protected-mode)"},
    {0, "enable-debug-command", "WHO", PD_OPT_STR, &opt.debug, NULL,
	"who may use DEBUG: no, local or yes (default no)"},
    {0, "maxclients", "N", PD_OPT_U64, &opt.cfg.maxclients, NULL,
	"connections at a time (default 10000)"},
    {0, "threads", "N", PD_OPT_U64, &opt.cfg.threads, NULL,
	"serve with N threads (default 1, at most 64)"},
    {0, "shards", "N", PD_OPT_U64, &opt.cfg.shards, NULL,
	"divide the keys among N stores (default: 2 a thread from 2 on)"},
    {0, "timeout", "TIME", PD_OPT_DURATION, &opt.cfg.timeout_us, NULL,
	"close clients idle for so long (default 0: never)"},
    {0, "header-timeout", "TIME", PD_OPT_DURATION, &opt.cfg.header_timeout_us,
	NULL, "a request, a password, a reply may take so long (default 60s)"},
    {'m', "maxmemory", "SIZE", PD_OPT_SIZE, &opt.maxmemory, NULL,
	"memory limit (default: a quarter of the machine's)"},
    {0, "maxobjects", "N", PD_OPT_U64, &opt.cfg.maxobjects, NULL,
	"keep at most N keys (default 0: no such limit)"},
    {0, "eviction-log", "SIZE", PD_OPT_SIZE, &opt.cfg.eviction_log, NULL,
	"memory to remember why keys left (default: a 512th; 0: none)"},
    {0, "max-value", "SIZE", PD_OPT_SIZE, &opt.cfg.max_value, NULL,
	"largest value (default 8M, at most 512M)"},
    {'P', "policy", "NAME", PD_OPT_STR, &opt.cfg.policy, NULL,
	"eviction policy (default selector)"},
    {0, "objective", "WHAT", PD_OPT_STR, &opt.objective, NULL,
	"what to spare: objects, bytes or cost of misses (default objects)"},
    {'M', "model", "FILE", PD_OPT_STR, &opt.cfg.model, NULL,
	"model bundle for policies selector and learned"},
    {0, "model-dir", "DIR", PD_OPT_CALL, NULL, confine_model_dir,
	"read models in DIR only; can be repeated"},
    {0, "trusted-key", "FILE", PD_OPT_STR, &opt.cfg.trusted_key, NULL,
	"load only models that this minisign key signed"},
    {0, "key-file", "FILE", PD_OPT_STR, &opt.key_file, NULL,
	"secret that hashes keys; made when absent (default: random)"},
    {0, "tap", "ADDRESS", PD_OPT_STR, &opt.cfg.tap, NULL,
	"offer sampled events on a Unix socket or HOST:PORT"},
    {0, "tap-rate", "SHARE", PD_OPT_STR, &opt.tap_rate, NULL,
	"share that is sampled: 0.1%, or key=0.1%,event=1% (0.001)"},
    {0, "tap-budget", "N", PD_OPT_U64, &opt.cfg.tap_budget, NULL,
	"lower the rate where more events come in a second (default 0: no)"},
    {0, "tap-by", "WHAT", PD_OPT_STR, &opt.tap_by, NULL,
	"by key, event, window or several: key,event (default key)"},
    {0, "tap-namespaces", "LIST", PD_OPT_STR, &opt.tap_namespaces, NULL,
	"tell of keys that begin with NAME: or NAME/ (default: of none)"},
    {0, "snapshot", "FILE", PD_OPT_STR, &opt.cfg.snapshot, NULL,
	"load FILE at the start, write it at the end and when asked"},
    {0, "snapshot-interval", "TIME", PD_OPT_DURATION,
	&opt.cfg.snapshot_interval_us, NULL,
	"write it so often too (default 0: never)"},
    {0, "snapshot-max-bytes", "SIZE", PD_OPT_SIZE, &opt.cfg.snapshot_max_bytes,
	NULL,
	"leave the oldest keys out of a larger one (default 0: no limit)"},
    {0, "snapshot-compress", NULL, PD_OPT_FLAG, &opt.cfg.snapshot_compress,
	NULL, "write it compressed (zlib)"},
    {0, "output-pause", "SIZE", PD_OPT_SIZE, &opt.cfg.output_pause, NULL,
	"unread replies that pause a client (default 64M)"},
    {0, "sandbox", "MODE", PD_OPT_STR, &opt.sandbox, NULL,
	"give up rights that serving needs not: auto, on or off"},
    {0, "log-level", "LEVEL", PD_OPT_STR, &opt.log_level, NULL,
	"debug, verbose, notice, warning or nothing (default notice)"},
    PD_OPT_END,
};

/* Where the log goes: standard error, unless a file of Redis says where. */
static FILE *log_to;

/* One line: time, level, text. */
static void
log_line(void *cookie, enum pd_log_level level, const char *text)
{
	const uint64_t us = pd_clock_wall_us();
	const time_t t = (time_t)(us / 1000000);
	struct tm tm;
	char when[32] = "";

	(void)cookie;
	if (gmtime_r(&t, &tm) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(log_to, "%s.%03uZ %s %s\n", when, (unsigned)(us / 1000 % 1000),
	    pd_log_level_name(level), text);
	if (log_to != stderr)
		fflush(log_to);
}

/* The first line of the password file. */
static int
read_password(struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	struct stat st;
	char *nl;

	if (opt.password_file == NULL)
		return 0;
	if (stat(opt.password_file, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_mode & 077)
		return pd_err_set(err,
		    "password file '%s' can be read by others: chmod 600 it",
		    opt.password_file);
	if (pd_read_file(opt.password_file, 4096, &b, err))
		return -1;
	if (pd_buf_cstr(&b) == NULL)
		return pd_err_nomem(err);
	if ((nl = strpbrk((char *)b.data, "\r\n")) != NULL)
		*nl = '\0';
	if (b.data[0] == '\0') {
		pd_buf_release(&b);
		return pd_err_set(
		    err, "password file '%s' is empty", opt.password_file);
	}
	opt.cfg.password = (char *)b.data; /* the server's from now on */
	return 0;
}

static int
check_debug(struct pd_err *err)
{
	if (opt.debug == NULL || strcmp(opt.debug, "no") == 0)
		opt.cfg.debug = PD_DEBUG_NO;
	else if (strcmp(opt.debug, "local") == 0)
		opt.cfg.debug = PD_DEBUG_LOCAL;
	else if (strcmp(opt.debug, "yes") == 0)
		opt.cfg.debug = PD_DEBUG_YES;
	else
		return pd_err_set(
		    err, "--enable-debug-command: no, local or yes");
	return 0;
}

static int
check_policy(struct pd_err *err)
{
	const struct pd_policy_ops *const *p;
	char names[512] = "";
	size_t n = 0;

	if (pd_policy_find(opt.cfg.policy) != NULL)
		return 0;
	for (p = pd_policies; *p != NULL && n < sizeof(names); p++)
		n += (size_t)snprintf(
		    names + n, sizeof(names) - n, " %s", (*p)->name);
	return pd_err_set(
	    err, "there is no policy '%s'; there are%s", opt.cfg.policy, names);
}

static int
check_tls(struct pd_err *err)
{
	if (opt.tls_port == UNSET) {
		if (opt.cfg.tls_cert || opt.cfg.tls_key || opt.cfg.tls_ca)
			return pd_err_set(err, "TLS options need --tls-port");
		return 0;
	}
	if (!PD_TLS)
		return pd_err_set(
		    err, "--tls-port: this build has no TLS (TLS=0)");
	if (opt.cfg.tls_cert == NULL || opt.cfg.tls_key == NULL)
		return pd_err_set(
		    err, "--tls-port needs --tls-cert-file and --tls-key-file");
	return 0;
}

/* --tap-by says which schemes, --tap-rate at what rate, and which too where it
 * names them. */
static int
check_tap(struct pd_err *err)
{
	struct pd_rates *rates = &opt.cfg.tap_rates;
	unsigned by = 1u << PD_SAMPLE_KEY, on;

	if (opt.tap_namespaces != NULL &&
	    pd_namespaces_parse(
		&opt.cfg.tap_namespaces, opt.tap_namespaces, err))
		return pd_err_prefix(err, "--tap-namespaces");
	if (opt.tap_by != NULL && pd_rates_parse_by(opt.tap_by, &by, err))
		return pd_err_prefix(err, "--tap-by");
	memset(rates, 0, sizeof(*rates));
	if (opt.tap_by != NULL || opt.tap_rate == NULL ||
	    strchr(opt.tap_rate, '=') == NULL)
		pd_rates_set_by(rates, by);
	if (opt.tap_rate == NULL)
		return 0;
	if (pd_rates_parse(opt.tap_rate, by, rates, err))
		return pd_err_prefix(err, "--tap-rate");
	on = pd_rates_on(rates);
	if (opt.tap_by != NULL && (on & ~by) != 0)
		return pd_err_set(
		    err, "--tap-rate names what --tap-by does not");
	return 0;
}

/* Options to configuration, with the checks across them. */
static int
configure(struct pd_err *err)
{
	struct pd_server_config *cfg = &opt.cfg;
	const int level = pd_log_level_parse(opt.log_level);
	const int objective = pd_objective_parse(opt.objective);

	if (opt.port > 65535 || (opt.tls_port != UNSET && opt.tls_port > 65535))
		return pd_err_set(err, "a port is at most 65535");
	if (cfg->maxclients == 0 || cfg->maxclients > UINT32_MAX)
		return pd_err_set(err, "--maxclients: 1 or more");
	if (cfg->threads == 0 || cfg->threads > PD_WORKERS_MAX)
		return pd_err_set(
		    err, "--threads: from 1 to %d", PD_WORKERS_MAX);
	if (cfg->shards > PD_SHARDS_MAX || (cfg->shards & (cfg->shards - 1)))
		return pd_err_set(
		    err, "--shards: a power of two up to %d", PD_SHARDS_MAX);
	cfg->port = (int64_t)opt.port;
	cfg->tls_port = opt.tls_port == UNSET ? -1 : (int64_t)opt.tls_port;
	cfg->protected_mode = opt.protected_mode;
	cfg->maxmemory =
	    opt.maxmemory == UNSET ? pd_server_default_memory() : opt.maxmemory;
	if (cfg->maxmemory > 0 && cfg->maxmemory < UINT64_C(1) << 20)
		return pd_err_set(err, "--maxmemory: at least 1M");
	if (cfg->eviction_log != PD_EVICTION_LOG_AUTO && cfg->maxmemory > 0 &&
	    cfg->eviction_log > cfg->maxmemory / 4)
		return pd_err_set(
		    err, "--eviction-log: at most a quarter of --maxmemory");
	if (cfg->max_value < 1024 || cfg->max_value > UINT64_C(512) << 20)
		return pd_err_set(err, "--max-value: between 1k and 512M");
	if (cfg->query_max < 2 * cfg->max_value)
		cfg->query_max = 2 * cfg->max_value;
	if (check_tap(err))
		return -1;
	if (level < 0)
		return pd_err_set(err, "--log-level: debug, verbose, notice, "
				       "warning or nothing");
	cfg->log_level = (enum pd_log_level)level;
	if (objective < 0)
		return pd_err_set(err, "--objective: objects, bytes or cost");
	cfg->objective = (enum pd_objective)objective;
	return confine_check(opt.sandbox, err) || check_debug(err) ||
		       check_policy(err) || check_tls(err)
		   ? -1
		   : 0;
}

static int
load_keys(struct pd_err *err)
{
	if (opt.key_file == NULL)
		pd_keys_random(&opt.cfg.keys);
	else if (pd_keys_load(&opt.cfg.keys, opt.key_file, 1, err))
		return -1;
	pd_namespaces_key(&opt.cfg.tap_namespaces, &opt.cfg.keys);
	return 0;
}

/* As many descriptors as maxclients needs; fewer clients when refused. */
static void
raise_files(void)
{
	const rlim_t want = (rlim_t)opt.cfg.maxclients + 64;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur >= want)
		return;
	rl.rlim_cur = rl.rlim_max < want ? rl.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur >= want)
		return;
	opt.cfg.maxclients = rl.rlim_cur > 64 ? rl.rlim_cur - 64 : 1;
	pd_cli_note("the limit on open files (ulimit -n, RLIMIT_NOFILE) is "
		    "%llu: at most %llu clients",
	    (unsigned long long)rl.rlim_cur,
	    (unsigned long long)opt.cfg.maxclients);
}

static void
describe_tap(const struct pd_server_config *cfg, struct pd_buf *b)
{
	pd_buf_printf(b, ", tap '%s' of ", cfg->tap);
	pd_rates_format(&cfg->tap_rates, b);
	if (pd_rates_on(&cfg->tap_rates) != 0) {
		pd_buf_addstr(b, " by ");
		pd_rates_format_by(&cfg->tap_rates, b);
	}
}

/* How things are at the start, in one line; keys and passwords are not in
 * it. */
static void
log_start(struct pd_server *s)
{
	const struct pd_server_config *cfg = &s->cfg;
	struct pd_buf b = PD_BUF_INIT;

	pd_buf_printf(&b, "predis-serve %s started, PID: %ld", PD_VERSION,
	    (long)getpid());
	if (s->port != 0)
		pd_buf_printf(&b, ", port %u on %s", s->port, cfg->bind);
	if (s->tls_port != 0)
		pd_buf_printf(&b, ", TLS port %u", s->tls_port);
	if (cfg->unixsocket != NULL)
		pd_buf_printf(&b, ", socket '%s'", cfg->unixsocket);
	pd_buf_printf(&b, ", %u thread%s, %u shard%s", s->nworkers,
	    s->nworkers == 1 ? "" : "s", s->nshards,
	    s->nshards == 1 ? "" : "s");
	if (cfg->maxmemory > 0)
		pd_buf_printf(&b, ", memory limit %llu bytes",
		    (unsigned long long)cfg->maxmemory);
	else
		pd_buf_addstr(&b, ", no memory limit");
	if (cfg->maxobjects > 0)
		pd_buf_printf(&b, ", at most %llu keys",
		    (unsigned long long)cfg->maxobjects);
	pd_buf_printf(&b, ", policy %s", pd_server_first(s)->cfg.policy->name);
	if (s->model != NULL)
		pd_buf_printf(&b, ", model '%s'", s->model->name);
	else
		pd_buf_addstr(&b, ", no model");
	if (cfg->tap != NULL)
		describe_tap(cfg, &b);
	else
		pd_buf_addstr(&b, ", no tap");
	if (pd_buf_cstr(&b) != NULL)
		pd_server_log(s, PD_LOG_NOTICE, "%s", (char *)b.data);
	pd_buf_release(&b);
}

/*
 * Tell where it listens: the port in a file, then a line on stdout, which
 * says that all is done.
 */
static int
report(const struct pd_server *s, struct pd_err *err)
{
	char text[160];
	int n;

	if (opt.port_file != NULL) {
		n = snprintf(text, sizeof(text), "%u\n", s->port);
		if (pd_atomicfile_write(
			opt.port_file, text, (size_t)n, 0644, err))
			return -1;
	}
	n = snprintf(text, sizeof(text), "ready port=%u", s->port);
	if (s->tls_port != 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    " tls_port=%u", s->tls_port);
	n += snprintf(
	    text + n, sizeof(text) - (size_t)n, " pid=%ld\n", (long)getpid());
	if (pd_cli_out(text, (size_t)n) || fflush(stdout))
		return pd_err_sys(err, "cannot write to standard output");
	return 0;
}

/* Remove the port file, but no pipe or device that stands for it. */
static void
remove_port_file(void)
{
	struct stat st;

	if (opt.port_file != NULL && stat(opt.port_file, &st) == 0 &&
	    S_ISREG(st.st_mode))
		unlink(opt.port_file);
}

static int
apply_settings(struct pd_server *s, struct pd_err *err)
{
	char name[64];
	unsigned i;
	size_t n;

	for (i = 0; i < nsettings; i++) {
		n = strcspn(settings[i], "=");
		if (n >= sizeof(name))
			return pd_err_set(
			    err, "there is no option '%s'", settings[i]);
		memcpy(name, settings[i], n);
		name[n] = '\0';
		if (pd_config_apply(s, name, settings[i] + n + 1, err))
			return -1;
	}
	return 0;
}

/* Read a configuration file of Redis, which rules over the options. */
static int
read_redis_conf(const char *path, struct pd_err *err)
{
	struct pd_server_config *cfg = &opt.cfg;

	if (pd_redisconf_load(&redis_conf, path, cfg, err))
		return -1;
	cfg->config_file = path;
	cfg->redis_conf = true;
	if (cfg->tls_port >= 0 &&
	    (!PD_TLS || cfg->tls_cert == NULL || cfg->tls_key == NULL))
		return pd_err_set(err,
		    "'%s': tls-port needs a certificate and a key, and a build "
		    "with TLS",
		    path);
	log_to = stdout;
	if (redis_conf.logfile != NULL && redis_conf.logfile[0] != '\0' &&
	    (log_to = fopen(redis_conf.logfile, "ae")) == NULL)
		return pd_err_sys(
		    err, "cannot open log '%s'", redis_conf.logfile);
	return 0;
}

/* What a file of Redis says of the server that is there now. */
static int
apply_redis_conf(struct pd_server *s, struct pd_err *err)
{
	if (redis_conf.path == NULL)
		return 0;
	if (pd_redisconf_apply(&redis_conf, s, err))
		return -1;
	if (redis_conf.ignored.len > 0 &&
	    pd_buf_cstr(&redis_conf.ignored) != NULL)
		pd_server_log(s, PD_LOG_WARNING,
		    "of '%s', without effect here: %s", redis_conf.path,
		    (char *)redis_conf.ignored.data);
	return 0;
}

static int
run(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_server *s;
	int r = PD_EXIT_FAIL;

	log_to = stderr;
	opt.cfg.config_file = pd_cli_config_file();
	if (configure(&err))
		return pd_cli_usage("%s", err.msg);
	if (argc > 0 && read_redis_conf(argv[0], &err))
		return pd_cli_fail(&err);
	if (read_password(&err) || load_keys(&err))
		return pd_cli_fail(&err);
	/* One that a killed server left would tell of the wrong port. */
	remove_port_file();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* write(2) fails instead */
	raise_files();
	opt.cfg.log = log_line;
	if ((s = pd_server_new(&opt.cfg, &err)) == NULL)
		return pd_cli_fail(&err);
	if (apply_settings(s, &err) || apply_redis_conf(s, &err)) {
		pd_server_free(s);
		return pd_cli_fail(&err);
	}
	log_start(s);
	if (confine_enter(s, opt.sandbox, opt.port_file, &err)) {
		pd_server_free(s);
		return pd_cli_fail(&err);
	}
	pd_server_log(s, PD_LOG_NOTICE, "Ready to accept connections");
	if (report(s, &err) || pd_server_run(s, &err))
		pd_cli_fail(&err);
	else
		r = PD_EXIT_YES;
	pd_server_free(s);
	pd_redisconf_release(&redis_conf);
	remove_port_file();
	return r;
}

static const struct pd_verb verbs[] = {
    {"", "[FILE]", "serve", opts, 0, 1, run},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct pd_program program = {
    .name = "predis-serve",
    .purpose = "serve a cache over RESP that learns what to evict",
    .verbs = verbs,
    .examples = "  predis-serve --maxmemory 1G\n"
		"  predis-serve --port 0 --tap /run/predis/tap --tap-rate 1%\n"
		"  redis-cli -p 6379 predis.stats\n",
};

int
main(int argc, char **argv)
{
	pd_server_config_init(&opt.cfg);
	return pd_cli_main(&program, argc, argv);
}
