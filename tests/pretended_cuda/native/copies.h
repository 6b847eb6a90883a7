// Copies between host and device. Those that do not block take place when the host waits, or are watched until then.
#pragma once

#include "graph.h"
#include "memory.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <limits>
#include <vector>

namespace pretended {

struct Arriving {  // on the host, once it waits
  at::Tensor place, values;
  int64_t number;
};

struct Leaving {  // from pinned memory, which must stay as it is until the host has waited
  at::Tensor host, values;
  int64_t number;
};

struct Copies {
  std::mutex mutex;
  std::vector<Arriving> arriving;
  std::vector<Leaving> leaving;
};

inline Copies& copies() {
  static Copies* forever = new Copies();
  return *forever;
}

inline void check_unchanged(const Leaving& copy) {
  bool same = copy.host.numel() == 0 ||
      std::memcmp(copy.host.const_data_ptr(), copy.values.const_data_ptr(), copy.host.numel() * copy.host.itemsize()) == 0;
  if (!same) count("overwritten");
}

template <typename Copy>
std::vector<Copy> taken_out(std::vector<Copy>& copies, int64_t until) {
  std::vector<Copy> taken, kept;
  for (Copy& copy : copies) (copy.number <= until ? taken : kept).push_back(std::move(copy));
  copies.swap(kept);
  return taken;
}

void complete_copies(int64_t until) {
  std::vector<Arriving> arriving;
  std::vector<Leaving> leaving;
  {
    std::lock_guard<std::mutex> lock(copies().mutex);
    arriving = taken_out(copies().arriving, until);
    leaving = taken_out(copies().leaving, until);
  }
  at::NoGradGuard no_grad;
  at::AutoDispatchBelowADInplaceOrView below;
  for (const Arriving& copy : arriving) copy.place.copy_(copy.values);
  for (const Leaving& copy : leaving) check_unchanged(copy);
}

inline void spoil(const at::Tensor& host) {
  if (host.is_floating_point() || host.is_complex())
    host.fill_(std::numeric_limits<double>::quiet_NaN());
  else
    host.fill_(at::isIntegralType(host.scalar_type(), false) ? -77 : 1);
}

inline void to_host(const at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  bool pinned = is_pinned(self.const_data_ptr());
  if (!(non_blocking && pinned)) {
    wait(non_blocking ? "copy to pageable memory of the host" : "blocking copy to the host");
    self.copy_(on_cpu(source));
  } else if (capturing()) {
    record([to = self, from = on_cpu(source)] { to.copy_(from); });
  } else {
    at::Tensor values = on_cpu(source).clone();
    spoil(self);
    std::lock_guard<std::mutex> lock(copies().mutex);
    copies().arriving.push_back({self, values, state().issued});
  }
}

inline void to_device(const at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  bool pinned = source.numel() == 0 || is_pinned(source.const_data_ptr());
  if (!(non_blocking && pinned)) {
    wait(pinned ? "blocking copy to the device" : "copy to the device from pageable memory");
    on_cpu(self).copy_(source);
  } else if (capturing()) {
    record([to = on_cpu(self), from = source] { to.copy_(from); });
  } else {
    on_cpu(self).copy_(source);
    if (!source.is_contiguous() || source.numel() == 0) return;
    at::Tensor values = source.clone();
    std::lock_guard<std::mutex> lock(copies().mutex);
    auto& leaving = copies().leaving;  // those that nobody else refers to can't be overwritten any more
    auto forgotten = [](const Leaving& copy) { return copy.host.storage().use_count() == 1; };
    leaving.erase(std::remove_if(leaving.begin(), leaving.end(), forgotten), leaving.end());
    leaving.push_back({source.alias(), values, state().issued});
  }
}

at::Tensor& copy_(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  if (on_device(self) && on_device(source)) {
    launch("copy_", self.scalar_type(), [to = on_cpu(self), from = on_cpu(source)] { to.copy_(from); });
  } else if (on_device(self)) {
    state().issued++;
    count("to device");
    to_device(self, source, non_blocking);
  } else {
    state().issued++;
    count("to host");
    to_host(self, source, non_blocking);
  }
  return self;
}

}  // namespace pretended
