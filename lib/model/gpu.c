#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "model/gpu.h"
#include "model/trees.h"
#include "model/trees_priv.h"

#define LIBRARY "libcuda.so.1"
#define KERNEL "pd_trees_cuda_score"
#define BATCH 16384U /* rows on the card at a time */
#define BLOCK 128U   /* threads of a block */

/* The fat binary of trees_cuda.cu (trees_cuda.S). */
extern const unsigned char pd_trees_cuda_image[];

/*
 * What is used of the driver. Its handles are pointers to us, a device is an
 * int, an address on the card 64 bits. Where a call has changed its form, the
 * symbol has a suffix that cuda.h hides behind a macro.
 */
struct driver {
	int (*init)(unsigned flags);
	int (*error_string)(int error, const char **text);
	int (*device_get)(int *device, int ordinal);
	int (*device_name)(char *name, int len, int device);
	int (*context_retain)(void **context, int device);
	int (*context_release)(int device);
	int (*context_set)(void *context);
	int (*context_sync)(void);
	int (*module_load)(void **module, const void *image);
	int (*module_unload)(void *module);
	int (*module_function)(void **fn, void *module, const char *name);
	int (*mem_alloc)(uint64_t *at, size_t bytes);
	int (*mem_free)(uint64_t at);
	int (*to_card)(uint64_t to, const void *from, size_t bytes);
	int (*from_card)(void *to, uint64_t from, size_t bytes);
	int (*launch)(void *fn, unsigned grid_x, unsigned grid_y,
	    unsigned grid_z, unsigned block_x, unsigned block_y,
	    unsigned block_z, unsigned shared_bytes, void *stream,
	    void **params, void **extra);
};

#define CALL(member, symbol)                                                   \
	{                                                                      \
		offsetof(struct driver, member), symbol                        \
	}
static const struct {
	size_t at;
	const char *symbol;
} calls[] = {
    CALL(init, "cuInit"),
    CALL(error_string, "cuGetErrorString"),
    CALL(device_get, "cuDeviceGet"),
    CALL(device_name, "cuDeviceGetName"),
    CALL(context_retain, "cuDevicePrimaryCtxRetain"),
    CALL(context_release, "cuDevicePrimaryCtxRelease_v2"),
    CALL(context_set, "cuCtxSetCurrent"),
    CALL(context_sync, "cuCtxSynchronize"),
    CALL(module_load, "cuModuleLoadData"),
    CALL(module_unload, "cuModuleUnload"),
    CALL(module_function, "cuModuleGetFunction"),
    CALL(mem_alloc, "cuMemAlloc_v2"),
    CALL(mem_free, "cuMemFree_v2"),
    CALL(to_card, "cuMemcpyHtoD_v2"),
    CALL(from_card, "cuMemcpyDtoH_v2"),
    CALL(launch, "cuLaunchKernel"),
};

enum { NODES, ROOTS, ROWS, SCORES, BUFFERS };

struct pd_gpu {
	void *library;
	struct driver cu;
	int device;
	void *context; /* NULL: not retained */
	void *module;  /* NULL: not loaded */
	void *kernel;
	uint64_t mem[BUFFERS]; /* on the card; 0: not allocated */
	uint32_t cols;
	uint32_t count; /* trees */
	float base;
	char name[128];
};

/* Turn what the driver's call ${what} returned into 0 or -1. */
static int
check(const struct pd_gpu *g, int error, const char *what, struct pd_err *err)
{
	const char *text = NULL;

	if (error == 0)
		return 0;
	if (g->cu.error_string(error, &text) != 0 || text == NULL)
		text = "no text";
	return pd_err_set(err, "%s: %s (CUDA error %d)", what, text, error);
}

static int
load_driver(struct pd_gpu *g, struct pd_err *err)
{
	const char *why;
	void *symbol;
	size_t i;

	if ((g->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL)) == NULL) {
		why = dlerror();
		return pd_err_set(
		    err, "%s", why != NULL ? why : "cannot open " LIBRARY);
	}
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		symbol = dlsym(g->library, calls[i].symbol);
		if (symbol == NULL)
			return pd_err_set(
			    err, LIBRARY " has no %s", calls[i].symbol);
		/* POSIX lets a symbol be a function; ISO C has no cast. */
		memcpy((char *)&g->cu + calls[i].at, &symbol, sizeof(symbol));
	}
	return 0;
}

static int
take_card(struct pd_gpu *g, struct pd_err *err)
{
	void *context;

	if (check(g, g->cu.init(0), "cuInit", err) ||
	    check(g, g->cu.device_get(&g->device, 0), "cuDeviceGet", err) ||
	    check(g, g->cu.device_name(g->name, sizeof(g->name) - 1, g->device),
		"cuDeviceGetName", err) ||
	    check(g, g->cu.context_retain(&context, g->device),
		"cuDevicePrimaryCtxRetain", err))
		return -1;
	g->context = context;
	return check(g, g->cu.context_set(context), "cuCtxSetCurrent", err);
}

static int
load_kernel(struct pd_gpu *g, struct pd_err *err)
{
	void *module;

	if (check(g, g->cu.module_load(&module, pd_trees_cuda_image),
		"cuModuleLoadData", err))
		return -1;
	g->module = module;
	return check(g, g->cu.module_function(&g->kernel, module, KERNEL),
	    "cuModuleGetFunction", err);
}

static int
allocate(struct pd_gpu *g, int buffer, size_t bytes, struct pd_err *err)
{
	uint64_t at;

	if (check(g, g->cu.mem_alloc(&at, bytes), "cuMemAlloc", err))
		return -1;
	g->mem[buffer] = at;
	return 0;
}

static int
copy_ensemble(struct pd_gpu *g, const struct pd_trees *t, struct pd_err *err)
{
	const size_t nodes = t->nodes_len * sizeof(t->nodes[0]);
	const size_t roots = t->count * sizeof(t->roots[0]);

	g->cols = t->cols;
	g->count = t->count;
	g->base = t->base;
	if (allocate(g, NODES, nodes, err) || allocate(g, ROOTS, roots, err) ||
	    allocate(g, ROWS, BATCH * sizeof(float) * t->cols, err) ||
	    allocate(g, SCORES, BATCH * sizeof(float), err) ||
	    check(g, g->cu.to_card(g->mem[NODES], t->nodes, nodes),
		"cuMemcpyHtoD", err))
		return -1;
	return check(g, g->cu.to_card(g->mem[ROOTS], t->roots, roots),
	    "cuMemcpyHtoD", err);
}

struct pd_gpu *
pd_gpu_open(const struct pd_trees *t, struct pd_err *err)
{
	struct pd_gpu *g;

	if ((g = calloc(1, sizeof(*g))) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	if (load_driver(g, err) || take_card(g, err) || load_kernel(g, err) ||
	    copy_ensemble(g, t, err)) {
		pd_gpu_close(g);
		return NULL;
	}
	return g;
}

/* The calls that give back may report what failed before them; nothing is to
 * be done about it any more. */
void
pd_gpu_close(struct pd_gpu *g)
{
	int i;

	if (g == NULL)
		return;
	if (g->context != NULL) {
		g->cu.context_set(g->context);
		for (i = 0; i < BUFFERS; i++)
			if (g->mem[i] != 0)
				g->cu.mem_free(g->mem[i]);
		if (g->module != NULL)
			g->cu.module_unload(g->module);
		g->cu.context_set(NULL);
		g->cu.context_release(g->device);
	}
	if (g->library != NULL)
		dlclose(g->library);
	free(g);
}

const char *
pd_gpu_name(const struct pd_gpu *g)
{
	return g->name;
}

/* Score 1 to BATCH rows. */
static int
score(struct pd_gpu *g, const float *rows, uint32_t n, float *out,
    struct pd_err *err)
{
	void *params[] = {&g->mem[NODES], &g->mem[ROOTS], &g->count, &g->base,
	    &g->mem[ROWS], &g->cols, &n, &g->mem[SCORES]};
	const unsigned blocks = (n + BLOCK - 1) / BLOCK;

	if (check(g,
		g->cu.to_card(g->mem[ROWS], rows, n * sizeof(float) * g->cols),
		"cuMemcpyHtoD", err) ||
	    check(g,
		g->cu.launch(g->kernel, blocks, 1, 1, BLOCK, 1, 1, 0, NULL,
		    params, NULL),
		"cuLaunchKernel", err) ||
	    check(g, g->cu.context_sync(), "cuCtxSynchronize", err))
		return -1;
	return check(g, g->cu.from_card(out, g->mem[SCORES], n * sizeof(float)),
	    "cuMemcpyDtoH", err);
}

int
pd_gpu_score(struct pd_gpu *g, const float *rows, size_t n, float *out,
    struct pd_err *err)
{
	uint32_t some;

	if (check(g, g->cu.context_set(g->context), "cuCtxSetCurrent", err))
		return -1;
	for (; n > 0; n -= some) {
		some = n < BATCH ? (uint32_t)n : BATCH;
		if (score(g, rows, some, out, err))
			return -1;
		rows += (size_t)some * g->cols;
		out += some;
	}
	return 0;
}
