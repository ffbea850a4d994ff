/*
 * A libcuda.so.1 for tests: the driver's entry points that lib/model/gpu.c
 * uses, declared by NVIDIA's own cuda.h, over kernels that run on the host
 * (emulate.h). It is as strict as the driver where that costs little: order of
 * calls, bounds of copies, sizes of a launch. fake_cuda_fail(n), or the
 * environment variable FAKE_CUDA_FAIL, makes the n-th call from then on fail;
 * fake_cuda_live() counts what was taken and not given back. FAKE_CUDA_WRONG
 * flips a bit of what each copy to the host brings. Memory holds POISON until it
 * is written, and again once it was fetched; a copy to the host fails when a
 * kernel has written behind what is fetched.
 */
#include <cuda.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>

#include "emulate.h"

#include "model/trees_cuda.cu"

#define POISON 0xa5

namespace {
long calls, fail_at;
long contexts, modules;
bool initialised, current, launched, wrong;
std::map<CUdeviceptr, std::size_t> memory;
char context, module_; /* what handles point to */

__attribute__((constructor)) void
start()
{
	const char *s = std::getenv("FAKE_CUDA_FAIL");

	fail_at = s != nullptr ? std::atol(s) : 0;
	wrong = std::getenv("FAKE_CUDA_WRONG") != nullptr;
}

/* Is this the call that fails? */
bool
fails()
{
	return ++calls == fail_at;
}

bool
inside(CUdeviceptr p, std::size_t n)
{
	auto it = memory.upper_bound(p);

	return n > 0 && it != memory.begin() &&
	       p - (--it)->first <= it->second &&
	       n <= it->second - (p - it->first);
}

/* Has nothing written from ${p} to the end of its allocation? */
bool
untouched(CUdeviceptr p)
{
	auto it = std::prev(memory.upper_bound(p));

	for (; p < it->first + it->second; p++)
		if (*reinterpret_cast<unsigned char *>(p) != POISON)
			return false;
	return true;
}
} // namespace

#define BEGIN(ready)                                                           \
	if (fails())                                                           \
		return CUDA_ERROR_UNKNOWN;                                     \
	if (!initialised)                                                      \
		return CUDA_ERROR_NOT_INITIALIZED;                             \
	if (!(ready))                                                          \
	return CUDA_ERROR_INVALID_CONTEXT

/* As the driver's, calls that give back do so also when they report what
 * failed earlier. */
#define END return fails() ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS

extern "C" {
void
fake_cuda_fail(long n)
{
	calls = 0;
	fail_at = n;
}

long
fake_cuda_calls()
{
	return calls;
}

long
fake_cuda_live()
{
	return contexts + modules + static_cast<long>(memory.size()) + current;
}

CUresult
cuInit(unsigned flags)
{
	initialised = true;
	BEGIN(true);
	return flags == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult
cuGetErrorString(CUresult error, const char **text)
{
	*text = error == CUDA_ERROR_UNKNOWN ? "a failure made by the test"
					    : nullptr;
	return *text != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult
cuDeviceGet(CUdevice *device, int ordinal)
{
	BEGIN(true);
	*device = 7;
	return ordinal == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult
cuDeviceGetName(char *name, int len, CUdevice device)
{
	BEGIN(device == 7);
	std::strncpy(name, "emulated on the host", static_cast<size_t>(len));
	return CUDA_SUCCESS;
}

CUresult
cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device)
{
	BEGIN(device == 7);
	*out = reinterpret_cast<CUcontext>(&context);
	contexts++;
	return CUDA_SUCCESS;
}

CUresult
cuDevicePrimaryCtxRelease(CUdevice device)
{
	if (device != 7 || contexts == 0)
		std::abort();
	contexts--;
	END;
}

CUresult
cuCtxSetCurrent(CUcontext c)
{
	const bool none = c == nullptr;

	if (none)
		current = false;
	BEGIN(none || c == reinterpret_cast<CUcontext>(&context));
	current = !none && contexts > 0;
	return none || current ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

CUresult
cuCtxSynchronize()
{
	BEGIN(current && launched);
	return CUDA_SUCCESS;
}

CUresult
cuModuleLoadData(CUmodule *out, const void *image)
{
	std::uint32_t magic;

	BEGIN(current);
	std::memcpy(&magic, image, sizeof(magic));
	if (magic != 0xba55ed50) /* a fat binary */
		return CUDA_ERROR_INVALID_IMAGE;
	*out = reinterpret_cast<CUmodule>(&module_);
	modules++;
	return CUDA_SUCCESS;
}

CUresult
cuModuleUnload(CUmodule)
{
	if (modules == 0)
		std::abort();
	modules--;
	END;
}

CUresult
cuModuleGetFunction(CUfunction *fn, CUmodule, const char *name)
{
	BEGIN(current && modules > 0);
	if (std::strcmp(name, "pd_trees_cuda_score") != 0)
		return CUDA_ERROR_NOT_FOUND;
	*fn = reinterpret_cast<CUfunction>(pd_trees_cuda_score);
	return CUDA_SUCCESS;
}

CUresult
cuMemAlloc(CUdeviceptr *out, std::size_t n)
{
	void *p;

	BEGIN(current && n > 0);
	if ((p = std::malloc(n)) == nullptr)
		return CUDA_ERROR_OUT_OF_MEMORY;
	std::memset(p, POISON, n);
	*out = reinterpret_cast<CUdeviceptr>(p);
	memory[*out] = n;
	return CUDA_SUCCESS;
}

CUresult
cuMemFree(CUdeviceptr p)
{
	if (memory.erase(p) != 1)
		std::abort();
	std::free(reinterpret_cast<void *>(p));
	END;
}

CUresult
cuMemcpyHtoD(CUdeviceptr to, const void *from, std::size_t n)
{
	BEGIN(current && inside(to, n));
	std::memcpy(reinterpret_cast<void *>(to), from, n);
	return CUDA_SUCCESS;
}

CUresult
cuMemcpyDtoH(void *to, CUdeviceptr from, std::size_t n)
{
	BEGIN(current && inside(from, n));
	if (!untouched(from + n))
		return CUDA_ERROR_ILLEGAL_ADDRESS;
	std::memcpy(to, reinterpret_cast<void *>(from), n);
	std::memset(reinterpret_cast<void *>(from), POISON, n);
	if (wrong)
		*static_cast<char *>(to) ^= 1;
	return CUDA_SUCCESS;
}

CUresult
cuLaunchKernel(CUfunction fn, unsigned gx, unsigned gy, unsigned gz,
    unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream stream,
    void **params, void **extra)
{
	BEGIN(current && modules > 0);
	if (fn != reinterpret_cast<CUfunction>(pd_trees_cuda_score) ||
	    gx == 0 || bx == 0 || bx > 1024 || gy != 1 || gz != 1 || by != 1 ||
	    bz != 1 || shared != 0 || stream != nullptr || extra != nullptr)
		return CUDA_ERROR_INVALID_VALUE;
	emulate::launch(pd_trees_cuda_score, {gx, 1, 1}, {bx, 1, 1}, params);
	launched = true;
	return CUDA_SUCCESS;
}
}
