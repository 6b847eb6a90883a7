// Generators of the device: those of the CPU under another name.
#pragma once

#include "state.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <c10/core/GeneratorImpl.h>

namespace pretended {

struct DeviceGenerator final : c10::GeneratorImpl {
  at::Generator twin;
  explicit DeviceGenerator(at::Generator twin)
      : GeneratorImpl(DEVICE, c10::DispatchKeySet(c10::DispatchKey::CUDA)), twin(std::move(twin)) {}
  c10::GeneratorImpl* inner() const { return twin.unsafeGetGeneratorImpl(); }
  void set_current_seed(uint64_t seed) override { inner()->set_current_seed(seed); }
  void set_offset(uint64_t offset) override { inner()->set_offset(offset); }
  uint64_t get_offset() const override { return inner()->get_offset(); }
  uint64_t current_seed() const override { return inner()->current_seed(); }
  uint64_t seed() override { return inner()->seed(); }
  void set_state(const c10::TensorImpl& state) override { inner()->set_state(state); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override { return inner()->get_state(); }
  DeviceGenerator* clone_impl() const override { return new DeviceGenerator(twin.clone()); }
};

inline at::Generator new_generator() {
  return at::make_generator<DeviceGenerator>(at::detail::createCPUGenerator());
}

const at::Generator& default_generator() {
  static at::Generator* forever = new at::Generator(new_generator());
  return *forever;
}

at::Generator cpu_generator(const at::Generator& generator) {
  if (!generator.defined() || generator.device().is_cpu()) return generator;
  return static_cast<DeviceGenerator*>(generator.unsafeGetGeneratorImpl())->twin;
}

}  // namespace pretended
