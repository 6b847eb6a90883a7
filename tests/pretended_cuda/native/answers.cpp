// The answers of a CPU build to "which accelerator is there?" and "what can CUDA do?", which autograd and pinned memory ask.
// Loaded before torch, for all to see, these functions take the place of torch's own, once the device is present.
#include <dlfcn.h>

#include <cstdint>
#include <optional>

namespace {
const void* hooks = nullptr;
}

extern "C" void pretended_present(const void* of_device) { hooks = of_device; }

namespace c10 {
enum class DeviceType : int8_t { CPU = 0, CUDA = 1 };
}

namespace at {
struct CUDAHooksInterface;

namespace accelerator {
std::optional<c10::DeviceType> getAccelerator(bool) {
  return hooks ? std::optional(c10::DeviceType::CUDA) : std::nullopt;
}
}  // namespace accelerator

namespace detail {
const CUDAHooksInterface& getCUDAHooks() {
  using Original = const CUDAHooksInterface& (*)();
  if (hooks) return *static_cast<const CUDAHooksInterface*>(hooks);
  static void* torch = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  return reinterpret_cast<Original>(dlsym(torch, "_ZN2at6detail12getCUDAHooksEv"))();
}
}  // namespace detail
}  // namespace at
