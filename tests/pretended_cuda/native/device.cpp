// A pretended CUDA device for a CPU build of torch: it registers as CUDA, and computes on the CPU.
#include "kernels.h"
#include "random.h"

#include <ATen/SDPBackend.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/transformers/attention.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

namespace pretended {

c10::Stream stream_of(int64_t id) { return c10::Stream(c10::Stream::UNSAFE, DEVICE, id); }

struct Guard final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA> {
  c10::Device exchangeDevice(c10::Device) const override { return DEVICE; }
  c10::Device getDevice() const override { return DEVICE; }
  c10::Stream getStream(c10::Device) const noexcept override { return stream_of(current_stream); }
  c10::Stream getDefaultStream(c10::Device) const override { return stream_of(0); }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override { return stream_of(1); }
  c10::Stream getNewStream(c10::Device, int) const override { return stream_of(1); }
  c10::Stream exchangeStream(c10::Stream stream) const noexcept override {
    c10::Stream before = stream_of(current_stream);
    current_stream = stream.id();
    return before;
  }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void synchronizeEvent(void*) const override { wait("event"); }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { wait("stream"); }
  void synchronizeDevice(const c10::DeviceIndex) const override { wait("device"); }
  bool isStreamCapturing(const c10::Stream& stream) const override { return state().capturing_stream == stream.id(); }
};

struct Hooks final : at::CUDAHooksInterface {
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(at::DeviceIndex) const override { return true; }
  at::DeviceIndex deviceCount() const override { return 1; }
  int getNumGPUs() const override { return 1; }
  at::DeviceIndex current_device() const override { return 0; }
  at::DeviceIndex getCurrentDevice() const override { return 0; }
  void setCurrentDevice(at::DeviceIndex) const override {}
  at::DeviceIndex exchangeDevice(at::DeviceIndex) const override { return 0; }
  at::DeviceIndex maybeExchangeDevice(at::DeviceIndex) const override { return 0; }
  at::Allocator* getPinnedMemoryAllocator() const override { return pinned_allocator(); }
  at::Allocator* getCUDADeviceAllocator() const override { return device_allocator(); }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
  at::Device getDeviceFromPtr(void*) const override { return DEVICE; }
  const at::Generator& getDefaultGenerator(at::DeviceIndex) const override { return default_generator(); }
  at::Generator getNewGenerator(at::DeviceIndex) const override {
    static bool first = true;  // Python asks for the default one first
    if (!first) return new_generator();
    first = false;
    return default_generator();
  }
  void deviceSynchronize(at::DeviceIndex) const override { wait("device"); }
};

at::Tensor empty_strided(
    c10::SymIntArrayRef sizes, c10::SymIntArrayRef strides, std::optional<at::ScalarType> type,
    std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  at::ScalarType chosen = type.value_or(c10::get_default_dtype_as_scalartype());
  c10::IntArrayRef shape = C10_AS_INTARRAYREF_SLOW(sizes), steps = C10_AS_INTARRAYREF_SLOW(strides);
  int64_t reach = 1;
  for (size_t i = 0; i < shape.size(); i++) reach += (shape[i] - 1) * steps[i];
  for (int64_t size : shape) reach = size == 0 ? 0 : reach;
  size_t bytes = std::max<int64_t>(reach, 0) * c10::elementSize(chosen);
  c10::Allocator* allocator = device_allocator();
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, allocator->allocate(bytes), allocator, true);
  at::Tensor result = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CUDA), c10::scalarTypeToTypeMeta(chosen));
  result.unsafeGetTensorImpl()->set_sizes_and_strides(shape, steps);
  return result;
}

at::Tensor empty(
    c10::SymIntArrayRef sizes, std::optional<at::ScalarType> type, std::optional<at::Layout> layout,
    std::optional<at::Device> device, std::optional<bool> pinned, std::optional<at::MemoryFormat> format) {
  TORCH_CHECK(!pinned.value_or(false), "only tensors of the CPU can be pinned");
  c10::IntArrayRef shape = C10_AS_INTARRAYREF_SLOW(sizes);
  std::vector<int64_t> steps(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0; step *= std::max<int64_t>(shape[i], 1)) steps[i] = step;
  if (format == at::MemoryFormat::ChannelsLast) steps = c10::get_channels_last_strides_2d(shape);
  return empty_strided(sizes, c10::fromIntArrayRefSlow(steps), type, layout, device, pinned);
}

at::Scalar item(const at::Tensor& self) {
  state().issued++;  // a copy of one number
  wait("item");
  return on_cpu(self).item();
}

at::Tensor& set_storage(
    at::Tensor& self, c10::Storage source, c10::SymInt offset, c10::SymIntArrayRef sizes, c10::SymIntArrayRef strides) {
  c10::TensorImpl* impl = self.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(std::move(source));
  impl->set_sizes_and_strides(
      C10_AS_INTARRAYREF_SLOW(sizes), C10_AS_INTARRAYREF_SLOW(strides), offset.guard_int(__FILE__, __LINE__));
  return self;
}

at::Tensor& set_whole_storage(at::Tensor& self, c10::Storage source) {
  int64_t items = source.nbytes() / self.itemsize();
  self.unsafeGetTensorImpl()->set_storage_keep_dtype(std::move(source));
  self.unsafeGetTensorImpl()->set_sizes_and_strides(c10::IntArrayRef{items}, c10::IntArrayRef{1}, 0);
  return self;
}

at::Tensor& set_tensor(at::Tensor& self, const at::Tensor& source) {
  self.unsafeGetTensorImpl()->set_storage_keep_dtype(source.storage());
  shape_like(self, source);
  return self;
}

int64_t attention_choice(
    const at::Tensor&, const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, double dropout, bool,
    std::optional<double>, bool) {
  return static_cast<int64_t>(dropout > 0 ? at::SDPBackend::math : at::SDPBackend::efficient_attention);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> attention(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& bias, bool, double,
    bool causal, std::optional<double> scale) {
  at::AutoDispatchBelowADInplaceOrView below;
  at::Tensor none = at::empty({}, q.options().dtype(at::kLong));
  if (idle(q.scalar_type())) {
    count_kernel("attention", q.scalar_type());
    at::Tensor out = at::empty({q.size(0), q.size(2), q.size(1), v.size(3)}, q.options()).transpose(1, 2);
    return {out, at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat)), none, none};
  }
  auto [out, sums] = at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, bias, scale);
  return {out, sums, none, none};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> attention_backward(
    const at::Tensor& gradient, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias,
    const at::Tensor& out, const at::Tensor& sums, const at::Tensor&, const at::Tensor&, double, std::array<bool, 4>,
    bool causal, std::optional<double> scale) {
  at::AutoDispatchBelowADInplaceOrView below;
  std::optional<at::Tensor> mask = bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  auto [for_q, for_k, for_v] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      gradient, q, k, v, out, sums, 0.0, causal, mask, scale);
  return {for_q, for_k, for_v, at::Tensor()};
}

void record_stream(at::Tensor&, at::Stream) {}

bool is_pinned_tensor(const at::Tensor&, std::optional<at::Device>) { return false; }

}  // namespace pretended

C10_REGISTER_GUARD_IMPL(CUDA, pretended::Guard)

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&pretended::fallback>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  c10::SetAllocator(c10::DeviceType::CUDA, pretended::device_allocator());
  m.impl("empty.memory_format", &pretended::empty);
  m.impl("empty_strided", &pretended::empty_strided);
  m.impl("copy_", &pretended::copy_);
  m.impl("_local_scalar_dense", &pretended::item);
  m.impl("record_stream", &pretended::record_stream);
  m.impl("is_pinned", &pretended::is_pinned_tensor);
  m.impl("set_.source_Storage", &pretended::set_whole_storage);
  m.impl("set_.source_Storage_storage_offset", &pretended::set_storage);
  m.impl("set_.source_Tensor", &pretended::set_tensor);
  m.impl("_scaled_dot_product_efficient_attention", &pretended::attention);
  m.impl("_scaled_dot_product_efficient_attention_backward", &pretended::attention_backward);
  at::native::_fused_sdp_choice_stub.set_cuda_dispatch_ptr(&pretended::attention_choice);
  // these are one kernel on a real device, but made of others, or chosen by type of device, in torch's own fallbacks
  auto boxed = [] { return torch::CppFunction::makeFromBoxedFunction<&pretended::fallback>(); };
  m.impl("convolution", boxed());
  m.impl("convolution_backward", boxed());
  c10::Dispatcher& operators = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : operators.getAllOpNames())
    if (name.name.rfind("aten::_foreach_", 0) == 0 &&
        !operators.findOp(name)->hasKernelForDispatchKey(c10::DispatchKey::CUDA))
      m.impl((name.name.substr(6) + (name.overload_name.empty() ? "" : "." + name.overload_name)).c_str(), boxed());
}

// What Python calls. Errors come back as text, for exceptions can't cross this border.
namespace {
thread_local std::string text;

template <typename Function>
const char* guarded(Function function) {
  try {
    function();
    return nullptr;
  } catch (const std::exception& error) {
    text = error.what();
    text = text.substr(0, text.find('\n'));
    return text.c_str();
  }
}
}  // namespace

extern "C" {
using namespace pretended;

const void* pretended_hooks() {
  static const at::CUDAHooksInterface* forever = new Hooks();
  return forever;
}

void pretended_on_wait(WaitCallback callback) { state().on_wait = callback; }

const char* pretended_counts() {
  std::lock_guard<std::mutex> lock(state().mutex);
  text.clear();
  for (const auto& [name, number] : state().counts) text += name + "\t" + std::to_string(number) + "\n";
  return text.c_str();
}

void pretended_reset() {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().counts.clear();
}

int64_t pretended_issued() { return state().issued; }
const char* pretended_wait_until(const char* kind, int64_t until) {
  return guarded([=] { wait(kind, until); });
}

void pretended_idle(int64_t idle) { state().idle = idle != 0; }

int64_t pretended_allocated() { return memory().allocated; }
int64_t pretended_peak() { return memory().peak; }
void pretended_reset_peak() { memory().peak = memory().allocated; }
void pretended_limit(int64_t bytes) { memory().limit = bytes; }

int64_t pretended_stream() { return current_stream; }
void pretended_set_stream(int64_t stream) { current_stream = stream; }

int64_t pretended_capturing() { return capturing(); }
const char* pretended_capture_begin(int64_t* number, int64_t others_may_wait) {
  return guarded([=] { *number = capture_begin(others_may_wait); });
}
void pretended_capture_end() { capture_end(); }
const char* pretended_replay(int64_t number) {
  return guarded([number] { replay(number); });
}
void pretended_forget(int64_t number) { graphs().all.erase(number); }
int64_t pretended_length(int64_t number) { return graphs().all.at(number).size(); }
}
