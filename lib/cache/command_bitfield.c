/* BITFIELD: integers of any width at any bit of a value. */

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "data/event.h"

#define ERR_OFFSET "ERR bit offset is not an integer or out of range"
#define ERR_TYPE                                                               \
	"ERR Invalid bitfield type. Use something like i16 u8. Note that u64 " \
	"is not supported but i64 is."

enum what { GET, SET, INCRBY };
enum overflow { WRAP, SAT, FAIL };

struct op {
	enum what what;
	enum overflow overflow;
	bool is_signed;
	unsigned bits; /* 1 to 64, 63 without a sign */
	uint64_t at;   /* the first bit */
	int64_t value;
};

/* "i8", "u63". */
static bool
arg_type(struct pd_client *c, const struct pd_arg *a, struct op *op)
{
	int64_t bits;

	op->is_signed = a->n > 0 && a->p[0] == 'i';
	if (a->n < 2 || (!op->is_signed && a->p[0] != 'u') ||
	    pd_parse_i64n(a->p + 1, a->n - 1, &bits) || bits < 1 ||
	    bits > (op->is_signed ? 64 : 63)) {
		pd_reply_error(&c->reply, ERR_TYPE);
		return false;
	}
	op->bits = (unsigned)bits;
	return true;
}

/* A bit, or behind '#' a multiple of the width. */
static bool
arg_at(struct pd_client *c, const struct pd_arg *a, struct op *op)
{
	const uint32_t hash = a->n > 0 && a->p[0] == '#';
	int64_t v;

	if (pd_parse_i64n(a->p + hash, a->n - hash, &v) || v < 0 ||
	    (hash && v > INT64_MAX / 64))
		goto wrong;
	op->at = (uint64_t)v * (hash ? op->bits : 1);
	if (op->at >> 3 < PD_RESP_BULK_MAX)
		return true;
wrong:
	pd_reply_error(&c->reply, ERR_OFFSET);
	return false;
}

static bool
arg_overflow(
    struct pd_client *c, const struct pd_arg *a, enum overflow *overflow)
{
	if (pd_arg_is(a, "wrap"))
		*overflow = WRAP;
	else if (pd_arg_is(a, "sat"))
		*overflow = SAT;
	else if (pd_arg_is(a, "fail"))
		*overflow = FAIL;
	else {
		pd_reply_error(
		    &c->reply, "ERR Invalid OVERFLOW type specified");
		return false;
	}
	return true;
}

/* The operations in words 2 and on; how many, or -1 having replied. */
static int64_t
parse(struct pd_client *c, const struct pd_arg *a, uint32_t n, bool read_only,
    struct op *ops)
{
	enum overflow overflow = WRAP;
	struct op *op = ops;
	uint32_t i, left;

	for (i = 2; i < n; i++) {
		left = n - i - 1;
		if (pd_arg_is(&a[i], "overflow") && left >= 1) {
			if (!arg_overflow(c, &a[++i], &overflow))
				return -1;
			continue;
		}
		if (pd_arg_is(&a[i], "get") && left >= 2)
			op->what = GET;
		else if (pd_arg_is(&a[i], "set") && left >= 3)
			op->what = SET;
		else if (pd_arg_is(&a[i], "incrby") && left >= 3)
			op->what = INCRBY;
		else {
			pd_reply_error(&c->reply, PD_ERR_SYNTAX);
			return -1;
		}
		op->overflow = overflow;
		if (!arg_type(c, &a[i + 1], op) || !arg_at(c, &a[i + 2], op))
			return -1;
		i += 2;
		if (op->what != GET) {
			if (read_only) {
				pd_reply_error(&c->reply,
				    "ERR BITFIELD_RO "
				    "only supports the GET subcommand");
				return -1;
			}
			if (!pd_arg_int(c, &a[++i], &op->value))
				return -1;
		}
		op++;
	}
	return op - ops;
}

static uint64_t
mask(unsigned bits)
{
	return bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

/* The low bits of ${raw} as the number that they are. */
static int64_t
number(const struct op *op, uint64_t raw)
{
	raw &= mask(op->bits);
	if (op->is_signed && raw >> (op->bits - 1) != 0)
		raw |= ~mask(op->bits);
	return (int64_t)raw;
}

static int64_t
read_at(const struct op *op, const uint8_t *p, size_t n)
{
	uint64_t raw = 0, bit;

	for (bit = op->at; bit < op->at + op->bits; bit++)
		raw = raw << 1 |
		      (bit >> 3 < n ? p[bit >> 3] >> (7 - (bit & 7)) & 1u : 0);
	return number(op, raw);
}

static void
write_at(const struct op *op, uint8_t *p, int64_t value)
{
	uint64_t raw = (uint64_t)value, bit;
	unsigned i;
	uint8_t m;

	for (i = 0; i < op->bits; i++) {
		bit = op->at + op->bits - 1 - i;
		m = (uint8_t)(0x80u >> (bit & 7));
		p[bit >> 3] = (uint8_t)(raw >> i & 1 ? p[bit >> 3] | m
						     : p[bit >> 3] & ~m);
	}
}

/* +1 where ${a} + ${b} is more than the width holds, -1 less, 0 neither. An
 * unsigned ${a} may be any 64 bits. */
static int
beyond(const struct op *op, int64_t a, int64_t b)
{
	const int64_t most =
	    (int64_t)(mask(op->bits) >> (op->is_signed ? 1 : 0));
	const int64_t least = op->is_signed ? -most - 1 : 0;
	int64_t sum;

	if (!op->is_signed && (uint64_t)a > (uint64_t)most)
		return 1;
	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? 1 : -1;
	return sum > most ? 1 : sum < least ? -1 : 0;
}

/* Write what an operation asks for; *told is its reply, false: it is nil. */
static bool
change(const struct op *op, uint8_t *p, size_t n, int64_t *told)
{
	const int64_t old = read_at(op, p, n);
	const int64_t base = op->what == SET ? op->value : old;
	const int64_t more = op->what == SET ? 0 : op->value;
	const int64_t most =
	    (int64_t)(mask(op->bits) >> (op->is_signed ? 1 : 0));
	const int over = beyond(op, base, more);
	int64_t v = number(op, (uint64_t)base + (uint64_t)more);

	if (over != 0 && op->overflow == FAIL)
		return false;
	if (over != 0 && op->overflow == SAT)
		v = over > 0 ? most : op->is_signed ? -most - 1 : 0;
	write_at(op, p, v);
	*told = op->what == SET ? old : v;
	return true;
}

/* Make room for the last bit that is written; NULL having replied. */
static uint8_t *
prepare(struct pd_client *c, const struct pd_key *k, size_t old, size_t *len)
{
	struct pd_put put = {.expiry = PD_EXPIRY_KEEP, .op = PD_OP_UPDATE};
	enum pd_store_status st;
	uint8_t *value;

	if (*len > c->server->cfg.max_value) {
		pd_reply_error(&c->reply, PD_ERR_LARGE);
		return NULL;
	}
	*len = old > *len ? old : *len;
	put.len = put.keep = *len;
	pd_tell_new(c, k);
	st = pd_store_put(pd_server_store(c->server, k), k, &put, &value);
	if (st == PD_STORE_OK)
		return value;
	pd_reply_store_error(c, st);
	return NULL;
}

static void
do_reads(
    struct pd_client *c, const struct pd_key *k, const struct op *ops, size_t n)
{
	const struct pd_entry *e =
	    pd_store_read(pd_server_store(c->server, k), k, PD_OP_GET);
	size_t i;

	if (e == NULL)
		pd_tell(c, PD_NOTIFY_MISS, "keymiss", k);
	pd_reply_array(&c->reply, n);
	for (i = 0; i < n; i++)
		pd_reply_int(&c->reply,
		    e == NULL
			? 0
			: read_at(&ops[i], pd_entry_value(e), pd_entry_len(e)));
}

static void
do_all(struct pd_client *c, const struct pd_key *k, const struct op *ops,
    size_t n, size_t len)
{
	const struct pd_entry *e =
	    pd_store_peek(pd_server_store(c->server, k), k);
	uint8_t *p = prepare(c, k, e == NULL ? 0 : pd_entry_len(e), &len);
	bool changed = false;
	int64_t v = 0;
	size_t i;

	if (p == NULL)
		return;
	pd_reply_array(&c->reply, n);
	for (i = 0; i < n; i++) {
		if (ops[i].what == GET) {
			pd_reply_int(&c->reply, read_at(&ops[i], p, len));
		} else if (change(&ops[i], p, len, &v)) {
			changed = true;
			pd_reply_int(&c->reply, v);
		} else {
			pd_reply_null(&c->reply);
		}
	}
	if (changed)
		pd_tell(c, PD_NOTIFY_STRING, "setbit", k);
}

static void
bitfield(
    struct pd_client *c, const struct pd_arg *a, uint32_t n, bool read_only)
{
	struct op *ops = calloc(n / 3 + 1, sizeof(*ops));
	size_t len = 0, end;
	struct pd_key k;
	int64_t nops, i;

	if (ops == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	}
	nops = parse(c, a, n, read_only, ops);
	for (i = 0; i < nops; i++) {
		end = (size_t)((ops[i].at + ops[i].bits + 7) / 8);
		if (ops[i].what != GET && end > len)
			len = end;
	}
	if (nops >= 0 && pd_arg_key(c, &a[1], &k)) {
		if (len == 0)
			do_reads(c, &k, ops, (size_t)nops);
		else
			do_all(c, &k, ops, (size_t)nops, len);
	}
	free(ops);
}

/* Reads alone are no writes. */
static unsigned
bitfield_key_use(const struct pd_arg *argv, uint32_t argc)
{
	uint32_t i;

	for (i = 2; i < argc; i++)
		if (pd_arg_is(&argv[i], "set") || pd_arg_is(&argv[i], "incrby"))
			return PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE;
	return PD_KEY_RO | PD_KEY_ACCESS;
}

static void
run_bitfield(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	bitfield(c, a, n, false);
}

static void
run_bitfield_ro(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	bitfield(c, a, n, true);
}

#define DEF(name_, flags_)                                                     \
	.name = (name_), .arity = -2, .flags = (flags_),                       \
	.cats = PD_CAT_BITMAP, .group = "bitmap"

const struct pd_command pd_commands_bitfield[] = {
    {DEF("bitfield", PD_CMD_WRITE | PD_CMD_DENYOOM),
	.key = {{1, 0, 1,
	    PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE | PD_KEY_VARIABLE}},
	.key_use = bitfield_key_use, .run = run_bitfield, .since = "3.2.0",
	.complexity = "O(1) for each operation",
	.summary = "Read and write integers of any width within a value."},
    {DEF("bitfield_ro", PD_CMD_READONLY | PD_CMD_FAST),
	.key = {{1, 0, 1, PD_KEY_RO | PD_KEY_ACCESS}}, .run = run_bitfield_ro,
	.since = "6.0.0", .complexity = "O(1) for each operation",
	.summary = "Read integers of any width within a value."},
    {.name = NULL},
};
