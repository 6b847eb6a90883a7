// Memory of the pretended device and pinned memory of the host: both are ordinary memory that is kept account of.
#pragma once

#include "state.h"

#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/Storage.h>
#include <c10/core/TensorImpl.h>
#include <c10/core/impl/alloc_cpu.h>

#include <cstring>

namespace pretended {

struct Memory {
  std::mutex mutex;
  int64_t allocated = 0, peak = 0, limit = int64_t(1) << 40;
  std::map<uintptr_t, size_t> pinned;  // address -> bytes
};

inline Memory& memory() {
  static Memory* forever = new Memory();
  return *forever;
}

inline void take(size_t bytes) {
  Memory& m = memory();
  std::lock_guard<std::mutex> lock(m.mutex);
  TORCH_CHECK_WITH(
      OutOfMemoryError, m.allocated + int64_t(bytes) <= m.limit, "CUDA out of memory. Tried to allocate ", bytes,
      " bytes of the pretended device, which has ", m.limit, " and uses ", m.allocated);
  m.allocated += bytes;
  m.peak = std::max(m.peak, m.allocated);
}

inline void give_back(size_t bytes) {
  std::lock_guard<std::mutex> lock(memory().mutex);
  memory().allocated -= bytes;
}

// What a storage of the device owns: the storage of the CPU that holds its numbers.
struct Owned {
  c10::Storage storage;
  size_t bytes;
  ~Owned() { give_back(bytes); }
};

inline c10::DataPtr adopt(c10::Storage storage) {
  size_t bytes = storage.nbytes();
  take(bytes);
  void* data = storage.mutable_data();
  auto release = [](void* owned) { delete static_cast<Owned*>(owned); };
  return {data, new Owned{std::move(storage), bytes}, release, DEVICE};
}

struct DeviceAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    c10::Allocator* cpu = c10::GetCPUAllocator();
    c10::DataPtr data = cpu->allocate(bytes);
    std::memset(data.get(), 0xFF, bytes);  // NaN: nobody may depend on memory that was never written
    return adopt(c10::Storage(c10::Storage::use_byte_size_t(), bytes, std::move(data), cpu, /*resizable=*/false));
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

inline c10::Allocator* device_allocator() {
  static DeviceAllocator* forever = new DeviceAllocator();
  return forever;
}

struct PinnedAllocator final : c10::Allocator {
  static void release(void* data) {
    Memory& m = memory();
    {
      std::lock_guard<std::mutex> lock(m.mutex);
      m.pinned.erase(reinterpret_cast<uintptr_t>(data));
    }
    c10::free_cpu(data);
  }
  c10::DataPtr allocate(size_t bytes) override {
    count("pinned");
    void* data = c10::alloc_cpu(bytes);
    if (data) {
      std::lock_guard<std::mutex> lock(memory().mutex);
      memory().pinned[reinterpret_cast<uintptr_t>(data)] = bytes;
    }
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

inline c10::Allocator* pinned_allocator() {
  static PinnedAllocator* forever = new PinnedAllocator();
  return forever;
}

inline bool is_pinned(const void* data) {
  auto address = reinterpret_cast<uintptr_t>(data);
  std::lock_guard<std::mutex> lock(memory().mutex);
  auto after = memory().pinned.upper_bound(address);
  if (after == memory().pinned.begin()) return false;
  auto [start, bytes] = *std::prev(after);
  return address < start + std::max<size_t>(bytes, 1);
}

inline bool on_device(const at::Tensor& tensor) { return tensor.defined() && tensor.is_cuda(); }

inline void shape_like(const at::Tensor& tensor, const at::Tensor& model) {
  c10::TensorImpl* impl = tensor.unsafeGetTensorImpl();
  impl->set_sizes_and_strides(model.sizes(), model.strides(), model.storage_offset());
  impl->_set_conj(model.is_conj());
  impl->_set_neg(model.is_neg());
}

// The same numbers, in the same memory, as a tensor of the CPU.
inline at::Tensor on_cpu(const at::Tensor& tensor) {
  c10::Storage storage = tensor.storage();
  void* data = storage.mutable_data();
  auto release = [](void* kept) { delete static_cast<c10::Storage*>(kept); };
  size_t bytes = storage.nbytes();
  c10::DataPtr pointer{data, new c10::Storage(std::move(storage)), release, c10::Device(c10::DeviceType::CPU)};
  c10::Storage same(
      c10::Storage::use_byte_size_t(), bytes, std::move(pointer), c10::GetCPUAllocator(), /*resizable=*/true);
  at::Tensor result = at::detail::make_tensor<c10::TensorImpl>(
      std::move(same), c10::DispatchKeySet(c10::DispatchKey::CPU), tensor.dtype());
  shape_like(result, tensor);
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) result.unsafeGetTensorImpl()->set_wrapped_number(true);
  return result;
}

// A view: another tensor of the device in the storage of the first, with the shape of one of the CPU.
inline at::Tensor view_on_device(const at::Tensor& base, const at::Tensor& like) {
  at::Tensor result = at::detail::make_tensor<c10::TensorImpl>(
      c10::TensorImpl::VIEW, c10::Storage(base.storage()), base.key_set(), like.dtype());
  shape_like(result, like);
  return result;
}

// A tensor of the device in a storage of the device, with the shape of one of the CPU.
inline at::Tensor on_device(c10::Storage storage, const at::Tensor& like) {
  at::Tensor result = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CUDA), like.dtype());
  shape_like(result, like);
  return result;
}

inline c10::Storage device_storage(const c10::Storage& cpu) {
  return c10::Storage(c10::Storage::use_byte_size_t(), cpu.nbytes(), adopt(cpu), device_allocator(), true);
}

}  // namespace pretended
