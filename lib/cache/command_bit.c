/* Commands that see a value as bits: bit 0 is the highest of the first byte. */

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "data/event.h"

#define ERR_OFFSET "ERR bit offset is not an integer or out of range"
#define ERR_BIT "ERR bit is not an integer or out of range"
#define ERR_BIT_ARG "ERR The bit argument must be 1 or 0."

/* The bytes of a value; none where the key is absent. */
struct bytes {
	const uint8_t *p;
	size_t n;
	bool there;
};

static struct bytes
bytes_of(const struct pd_entry *e)
{
	struct bytes b = {NULL, 0, e != NULL};

	if (e != NULL) {
		b.p = pd_entry_value(e);
		b.n = pd_entry_len(e);
	}
	return b;
}

/* Read a key, an access; a miss is told to who asked for that. */
static struct bytes
read_bytes(struct pd_client *c, const struct pd_key *k)
{
	struct pd_entry *e =
	    pd_store_read(pd_server_store(c->server, k), k, PD_OP_GET);

	if (e == NULL)
		pd_tell(c, PD_NOTIFY_MISS, "keymiss", k);
	return bytes_of(e);
}

/* A word as the number of a bit of a value as large as the protocol allows. */
static bool
arg_bit_offset(struct pd_client *c, const struct pd_arg *a, uint64_t *bit)
{
	int64_t v;

	if (pd_parse_i64n(a->p, a->n, &v) || v < 0 ||
	    (uint64_t)v >> 3 >= PD_RESP_BULK_MAX) {
		pd_reply_error(&c->reply, ERR_OFFSET);
		return false;
	}
	*bit = (uint64_t)v;
	return true;
}

static unsigned
bit_at(struct bytes b, uint64_t bit)
{
	if (bit >> 3 >= b.n)
		return 0;
	return b.p[bit >> 3] >> (7 - (bit & 7)) & 1u;
}

static void
run_getbit(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	uint64_t bit;

	(void)n;
	if (arg_bit_offset(c, &a[2], &bit) && pd_arg_key(c, &a[1], &k))
		pd_reply_int(&c->reply, bit_at(read_bytes(c, &k), bit));
}

static void
run_setbit(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_put put = {.expiry = PD_EXPIRY_KEEP, .op = PD_OP_UPDATE};
	enum pd_store_status st;
	struct bytes old;
	struct pd_key k;
	uint8_t *value, mask;
	uint64_t bit;
	unsigned was;
	int64_t on;

	(void)n;
	if (!arg_bit_offset(c, &a[2], &bit))
		return;
	if (pd_parse_i64n(a[3].p, a[3].n, &on) || (on != 0 && on != 1)) {
		pd_reply_error(&c->reply, ERR_BIT);
		return;
	}
	if (bit >> 3 >= c->server->cfg.max_value) {
		pd_reply_error(&c->reply, PD_ERR_LARGE);
		return;
	}
	if (!pd_arg_key(c, &a[1], &k))
		return;
	old = bytes_of(pd_store_peek(pd_server_store(c->server, &k), &k));
	was = bit_at(old, bit);
	put.len = bit >> 3 >= old.n ? (size_t)(bit >> 3) + 1 : old.n;
	put.keep = put.len;
	pd_tell_new(c, &k);
	st = pd_store_put(pd_server_store(c->server, &k), &k, &put, &value);
	if (st != PD_STORE_OK) {
		pd_reply_store_error(c, st);
		return;
	}
	mask = (uint8_t)(0x80u >> (bit & 7));
	value[bit >> 3] = (uint8_t)(on ? value[bit >> 3] | mask
				       : value[bit >> 3] & (uint8_t)~mask);
	pd_tell(c, PD_NOTIFY_STRING, "setbit", &k);
	pd_reply_int(&c->reply, was);
}

/* A part of a value, in bits: [first, last), empty where first >= last. */
struct range {
	int64_t first;
	int64_t last;
	bool bits;	 /* the words count bits, not bytes */
	bool open_ended; /* no end was given */
};

static bool
arg_unit(struct pd_client *c, const struct pd_arg *a, bool *bits)
{
	*bits = pd_arg_is(a, "bit");
	if (*bits || pd_arg_is(a, "byte"))
		return true;
	pd_reply_error(&c->reply, PD_ERR_SYNTAX);
	return false;
}

/* Where ${start} and ${end} (negative: from the behind) lie in ${b}. */
static void
clip(struct range *r, struct bytes b, int64_t start, int64_t end)
{
	const int64_t len = (int64_t)b.n * (r->bits ? 8 : 1);

	if (start < 0 && end < 0 && start > end) {
		r->first = r->last = 0;
		return;
	}
	start = start < 0 ? start + len : start;
	end = end < 0 ? end + len : end;
	start = start < 0 ? 0 : start;
	end = end < 0 ? 0 : end;
	end = end >= len ? len - 1 : end;
	r->first = r->bits ? start : start * 8;
	r->last = r->bits ? end + 1 : (end + 1) * 8;
	if (start > end)
		r->first = r->last = 0;
}

static int64_t
count_bits(struct bytes b, int64_t first, int64_t last)
{
	uint64_t word;
	int64_t sum = 0;

	for (; first < last && first % 64 != 0; first++)
		sum += bit_at(b, (uint64_t)first);
	for (; first + 64 <= last; first += 64) {
		memcpy(&word, b.p + first / 8, sizeof(word));
		sum += __builtin_popcountll(word);
	}
	for (; first < last; first++)
		sum += bit_at(b, (uint64_t)first);
	return sum;
}

static void
run_bitcount(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct range r = {.bits = false};
	int64_t start = 0, end = -1;
	struct bytes b;
	struct pd_key k;

	if (!pd_arg_key(c, &a[1], &k))
		return;
	b = read_bytes(c, &k);
	if (!b.there) {
		/* Answered before the other words are looked at, as in Redis
		 * 7.0. */
		pd_reply_int(&c->reply, 0);
		return;
	}
	if (n == 4 || n == 5) {
		if (!pd_arg_int(c, &a[2], &start) ||
		    !pd_arg_int(c, &a[3], &end) ||
		    (n == 5 && !arg_unit(c, &a[4], &r.bits)))
			return;
	} else if (n != 2) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	clip(&r, b, start, end);
	pd_reply_int(&c->reply, count_bits(b, r.first, r.last));
}

/* The first bit ${want} in [first, last), or -1. */
static int64_t
find_bit(struct bytes b, int64_t first, int64_t last, unsigned want)
{
	const uint8_t skip = want ? 0 : 0xff;

	while (first < last) {
		if (first % 8 == 0 && first + 8 <= last &&
		    b.p[first / 8] == skip) {
			first += 8;
			continue;
		}
		if (bit_at(b, (uint64_t)first) == want)
			return first;
		first++;
	}
	return -1;
}

static void
run_bitpos(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct range r = {.open_ended = n < 5};
	int64_t want, start = 0, end = -1, at;
	struct bytes b;
	struct pd_key k;

	if (!pd_arg_int(c, &a[2], &want))
		return;
	if (want != 0 && want != 1) {
		pd_reply_error(&c->reply, ERR_BIT_ARG);
		return;
	}
	if (!pd_arg_key(c, &a[1], &k))
		return;
	b = read_bytes(c, &k);
	if (!b.there) {
		pd_reply_int(&c->reply, want ? -1 : 0);
		return;
	}
	if (n > 6) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	if ((n >= 4 && !pd_arg_int(c, &a[3], &start)) ||
	    (n == 6 && !arg_unit(c, &a[5], &r.bits)) ||
	    (n >= 5 && !pd_arg_int(c, &a[4], &end)))
		return;
	clip(&r, b, start, end);
	at = find_bit(b, r.first, r.last, (unsigned)want);
	/* Behind the end of the value all bits are 0. */
	if (at < 0 && !want && r.open_ended && r.first < r.last)
		at = r.last;
	pd_reply_int(&c->reply, at);
}

enum bitop { OP_AND, OP_OR, OP_XOR, OP_NOT };

static bool
arg_bitop(struct pd_client *c, const struct pd_arg *a, enum bitop *op)
{
	static const char *const names[] = {"and", "or", "xor", "not"};
	unsigned i;

	for (i = 0; i < 4; i++)
		if (pd_arg_is(a, names[i])) {
			*op = (enum bitop)i;
			return true;
		}
	pd_reply_error(&c->reply, PD_ERR_SYNTAX);
	return false;
}

/* Fold a value into ${out} of ${n} bytes; it has zeros behind its end. */
static void
fold(uint8_t *out, size_t n, struct bytes b, enum bitop op, bool first)
{
	size_t i;

	if (first && b.n > 0)
		memcpy(out, b.p, b.n);
	for (i = 0; !first && i < b.n; i++)
		out[i] = (uint8_t)(op == OP_AND	 ? out[i] & b.p[i]
				   : op == OP_OR ? out[i] | b.p[i]
						 : out[i] ^ b.p[i]);
	if (!first && op == OP_AND)
		memset(out + b.n, 0, n - b.n);
	for (i = 0; op == OP_NOT && i < n; i++)
		out[i] = (uint8_t)~out[i];
}

/* Write what came out, or delete the key where it is nothing. */
static void
bitop_store(struct pd_client *c, const struct pd_arg *dest, const uint8_t *out,
    size_t n)
{
	struct pd_key k;

	if (!pd_arg_key(c, dest, &k))
		return;
	if (n == 0) {
		if (pd_store_del(pd_server_store(c->server, &k), &k))
			pd_tell(c, PD_NOTIFY_GENERIC, "del", &k);
	} else if (pd_write_value(c, &k, out, n, 0, PD_OP_SET)) {
		pd_tell(c, PD_NOTIFY_STRING, "set", &k);
	} else {
		return;
	}
	pd_reply_int(&c->reply, (int64_t)n);
}

static void
run_bitop(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	uint8_t *out = NULL;
	enum bitop op;
	struct bytes b;
	struct pd_key k;
	size_t len = 0;
	uint32_t i;

	if (!arg_bitop(c, &a[1], &op))
		return;
	if (op == OP_NOT && n != 4) {
		pd_reply_error(&c->reply,
		    "ERR BITOP NOT must be called with a single source key.");
		return;
	}
	if (!pd_args_keys_ok(c, a + 1, n - 1, 1))
		return;
	for (i = 3; i < n; i++) {
		pd_arg_key(c, &a[i], &k);
		b = bytes_of(pd_store_peek(pd_server_store(c->server, &k), &k));
		len = b.n > len ? b.n : len;
	}
	if (len > 0 && (out = calloc(1, len)) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	}
	for (i = 3; i < n; i++) {
		pd_arg_key(c, &a[i], &k);
		b = read_bytes(c, &k);
		if (out != NULL)
			fold(out, len, b, op, i == 3);
	}
	bitop_store(c, &a[2], out, len);
	free(out);
}

#define W PD_CMD_WRITE
#define M PD_CMD_DENYOOM
#define R PD_CMD_READONLY
#define F PD_CMD_FAST
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_BITMAP, .group = "bitmap"
#define READ (PD_KEY_RO | PD_KEY_ACCESS)
#define ONE(flags) .key = {{1, 0, 1, (flags)}}

const struct pd_command pd_commands_bit[] = {
    {DEF("setbit", 4, W | M), ONE(PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE),
	.run = run_setbit, .since = "2.2.0", .complexity = "O(1)",
	.summary = "Write one bit of a value and return what it was."},
    {DEF("getbit", 3, R | F), ONE(READ), .run = run_getbit, .since = "2.2.0",
	.complexity = "O(1)", .summary = "Read one bit of a value."},
    {DEF("bitcount", -2, R), ONE(READ), .run = run_bitcount, .since = "2.6.0",
	.complexity = "O(N)",
	.summary = "How many bits of a value, or of a part of it, are set."},
    {DEF("bitpos", -3, R), ONE(READ), .run = run_bitpos, .since = "2.8.7",
	.complexity = "O(N)",
	.summary = "The first bit of a value that is set, or that is not."},
    {DEF("bitop", -4, W | M),
	.key = {{2, 0, 1, PD_KEY_OW | PD_KEY_UPDATE}, {3, -1, 1, READ}},
	.run = run_bitop, .since = "2.6.0", .complexity = "O(N)",
	.summary = "Combine the bits of values and write what comes out."},
    {.name = NULL},
};
