// What the pretended device knows: counts, the current stream, and what to call when the host waits for the device.
#pragma once

#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace pretended {

inline const c10::Device DEVICE(c10::DeviceType::CUDA, 0);

using WaitCallback = void (*)(const char* kind);

struct State {
  std::mutex mutex;  // of the counts; never held while Python is called, which may hold its own lock
  std::map<std::string, int64_t> counts;
  std::atomic<WaitCallback> on_wait{nullptr};
  std::atomic<int64_t> capturing_stream{-1};  // -1: none
};

inline State& state() {
  static State* forever = new State();
  return *forever;
}

inline thread_local int64_t current_stream = 0;

inline void count(const std::string& name) {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().counts[name] += 1;
}

inline bool capturing() {
  int64_t stream = state().capturing_stream;
  return stream >= 0 && stream == current_stream;
}

inline void complete_copies();

// The host waits until the device has done all work. Not while any stream is captured, as on a real device.
inline void wait(const char* kind) {
  TORCH_CHECK(state().capturing_stream < 0, "operation not permitted when stream is capturing: ", kind);
  complete_copies();
  if (WaitCallback callback = state().on_wait) callback(kind);
}

}  // namespace pretended
