// The kernels of the device: every operator takes the CPU's kernel, on the same memory.
#pragma once

#include "copies.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <optional>
#include <set>

namespace pretended {

at::Generator cpu_generator(const at::Generator& generator);
const at::Generator& default_generator();

// Results whose size depends on numbers: the host waits to allocate them.
inline const std::set<std::string> SIZED_BY_NUMBERS = {
    "aten::nonzero", "aten::masked_select", "aten::_unique", "aten::_unique2", "aten::unique_dim", "aten::bincount",
    "aten::unique_consecutive", "aten::unique_dim_consecutive", "aten::repeat_interleave"};
// Answers that the host has without asking the device.
inline const std::set<std::string> KNOWN_TO_THE_HOST = {
    "aten::is_same_size", "aten::is_set_to", "aten::_is_zerotensor", "aten::_nested_tensor_strides",
    "aten::_has_same_storage_numel", "aten::is_pinned", "aten::_fused_sdp_choice"};
inline const std::set<std::string> PRODUCTS = {
    "aten::addmm", "aten::mm", "aten::bmm", "aten::baddbmm", "aten::_addmm_activation", "aten::addbmm",
    "aten::linear", "aten::addmv", "aten::mv", "aten::dot"};

inline const c10::TypePtr OPTIONAL_GENERATOR = c10::OptionalType::create(c10::GeneratorType::get());

inline bool is_convolution(const std::string& name) { return name.find("convolution") != std::string::npos; }

inline bool by_tf32(const std::string& name) {
  const at::Context& context = at::globalContext();
  if (PRODUCTS.count(name)) return context.allowTF32CuBLAS();
  return is_convolution(name) && context.allowTF32CuDNN(at::Float32Op::CONV);
}

// Round float32 to the 10 bits of mantissa that TF32 has.
inline at::Tensor rounded_to_tf32(const at::Tensor& values) {
  if (values.scalar_type() != at::kFloat || values.numel() == 0) return values;
  at::Tensor bits = values.contiguous().clone().view(at::kInt);
  bits.add_(1 << 12).bitwise_and_(~((1 << 13) - 1));
  return bits.view(at::kFloat);
}

inline std::vector<at::Tensor> tensors_of(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  std::vector<at::Tensor> result;
  if (value.isTensorList())
    for (const at::Tensor& tensor : value.toTensorList()) result.push_back(tensor);
  else if (value.isOptionalTensorList())
    for (std::optional<at::Tensor> tensor : value.toOptionalTensorList())
      if (tensor) result.push_back(*tensor);
  return result;
}

// Arguments as the CPU's kernel takes them.
struct Arguments {
  torch::jit::Stack stack;
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs;  // of the device, and on the CPU
  bool any = false;                                      // whether one was of the device
  bool foreign = false;                                  // whether one of the CPU is not a mere number

  at::Tensor taken(const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    if (!on_device(tensor)) {
      foreign |= tensor.dim() > 0;
      return tensor;
    }
    any = true;
    pairs.emplace_back(tensor, on_cpu(tensor));
    return pairs.back().second;
  }

  c10::IValue taken(const c10::IValue& value, const c10::Argument& argument) {
    if (value.isTensor()) return taken(value.toTensor());
    if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorList()) list.push_back(taken(tensor));
      return list;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (std::optional<at::Tensor> tensor : value.toOptionalTensorList())
        list.push_back(tensor ? std::optional<at::Tensor>(taken(*tensor)) : std::nullopt);
      return list;
    }
    if (value.isDevice() && value.toDevice().is_cuda()) {
      any = true;
      return c10::Device(c10::DeviceType::CPU);
    }
    if (value.isGenerator()) return cpu_generator(value.toGenerator());
    if (value.isNone() && *argument.type() == *OPTIONAL_GENERATOR) return cpu_generator(default_generator());
    return value;
  }
};

// A result as a tensor of the device: in the storage of an argument if it is a view of it, else in one of its own.
inline at::Tensor returned(const at::Tensor& result, const Arguments& arguments, bool& fresh) {
  if (!result.defined()) return result;
  for (const auto& [device, cpu] : arguments.pairs) {
    if (result.unsafeGetTensorImpl() == cpu.unsafeGetTensorImpl()) return device;
    if (result.storage().unsafeGetStorageImpl() == cpu.storage().unsafeGetStorageImpl())
      return view_on_device(device, result);
  }
  fresh = true;
  return on_device(device_storage(result.storage()), result);
}

// A result that was resized has left the memory of its argument.
inline void follow_resized(const Arguments& arguments) {
  for (const auto& [device, cpu] : arguments.pairs) {
    bool moved = cpu.storage().data() != device.storage().data();
    if (moved) device.unsafeGetTensorImpl()->set_storage_keep_dtype(device_storage(cpu.storage()));
    if (moved || cpu.sizes() != device.sizes() || cpu.strides() != device.strides()) shape_like(device, cpu);
  }
}

// The results of the CPU's kernel, from factors that are rounded if TF32 is allowed.
inline torch::jit::Stack computed(const c10::OperatorHandle& op, torch::jit::Stack stack, bool tf32) {
  for (size_t i = 0; tf32 && i < stack.size(); i++) {
    const c10::AliasInfo* alias = op.schema().arguments()[i].alias_info();
    if (stack[i].isTensor() && stack[i].toTensor().defined() && !(alias && alias->isWrite()))
      stack[i] = rounded_to_tf32(stack[i].toTensor());
  }
  op.callBoxed(stack);
  return stack;
}

inline void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  at::AutoDispatchBelowADInplaceOrView below;
  const c10::FunctionSchema& schema = op.schema();
  const std::string& name = schema.name();
  const size_t inputs = schema.arguments().size(), outputs = schema.returns().size();
  Arguments arguments;
  bool writes = false, resizes = false;
  at::ScalarType type = at::kFloat;
  const auto given = torch::jit::last(*stack, inputs);
  std::vector<c10::IValue> originals(given.begin(), given.end());
  for (size_t i = 0; i < inputs; i++) {
    arguments.stack.push_back(arguments.taken(originals[i], schema.arguments()[i]));
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    for (const at::Tensor& tensor : tensors_of(originals[i])) {
      if (on_device(tensor)) type = tensor.scalar_type();
      if (!alias || !alias->isWrite()) continue;
      writes = true;
      resizes |= on_device(tensor) && tensor.numel() == 0;
    }
  }
  TORCH_CHECK(
      !(arguments.any && arguments.foreign), "Expected all tensors to be on the same device, but found at least two "
      "devices, cuda:0 and cpu! (in ", name, ")");
  resizes |= name == "aten::resize_" || name == "aten::set_";
  const bool tf32 = by_tf32(name);
  if (tf32) count("by tf32");
  std::string label = name.substr(name.find("::") + 2);
  bool has_results = false;  // other than those that were given
  for (const c10::Argument& result : schema.returns())
    has_results |= !(result.alias_info() && result.alias_info()->isWrite());

  if (writes && !has_results && !resizes) {  // nothing is allocated
    launch(label, type, [op, tf32, kept = arguments.stack] { computed(op, kept, tf32); });
  } else {
    torch::jit::Stack results = computed(op, arguments.stack, tf32);
    follow_resized(arguments);
    bool fresh = false, answers = false;
    torch::jit::Stack wrapped;
    std::vector<std::pair<size_t, at::Tensor>> places;  // of results that a graph computes again
    for (size_t i = 0; i < outputs; i++) {
      const c10::IValue& value = results[i];
      bool is_new = false;
      if (value.isTensor()) {
        wrapped.push_back(returned(value.toTensor(), arguments, is_new));
        if (is_new) places.emplace_back(i, value.toTensor());
      } else if (value.isTensorList()) {
        c10::List<at::Tensor> list;
        for (const at::Tensor& tensor : value.toTensorList()) list.push_back(returned(tensor, arguments, is_new));
        TORCH_CHECK(!(is_new && capturing()), "the pretended device can't capture ", name);
        wrapped.push_back(list);
      } else {
        answers = true;
        wrapped.push_back(value);
      }
      fresh |= is_new;
    }
    bool known = KNOWN_TO_THE_HOST.count(name);
    bool waits = SIZED_BY_NUMBERS.count(name) || (answers && arguments.any && !known);
    if (waits && capturing()) wait(label.c_str());
    if (capturing() && fresh) {
      count("captured");
      for (const auto& place : places) spoil(place.second);
      record([op, tf32, kept = arguments.stack, places] {
        torch::jit::Stack again = computed(op, kept, tf32);
        for (const auto& [i, place] : places) place.copy_(again[i].toTensor());
      });
    } else if (fresh || writes || (answers && !known)) {
      count_kernel(label, type);
      if (waits) wait(label.c_str());
    }
    torch::jit::drop(*stack, inputs);
    for (const c10::IValue& value : wrapped) torch::jit::push(*stack, value);
    return;
  }
  // in place: the arguments that were written are returned
  torch::jit::drop(*stack, inputs);
  for (const c10::Argument& result : schema.returns()) {
    for (size_t i = 0; i < inputs; i++) {
      const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
      if (alias && alias->isWrite() && alias->beforeSets() == result.alias_info()->beforeSets()) {
        torch::jit::push(*stack, originals[i]);
        break;
      }
    }
  }
}

}  // namespace pretended
