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
  std::atomic<bool> others_may_wait{false};   // while a stream is captured in the mode "thread_local"
  std::atomic<int64_t> issued{0};             // kernels and copies that the host asked for
  std::atomic<int64_t> completed{0};          // those of them that the host knows to be done
  std::atomic<bool> idle{false};              // kernels of floating numbers are counted, and not done
};

inline State& state() {
  static State* forever = new State();
  return *forever;
}

inline thread_local int64_t current_stream = 0;

inline void count(const std::string& name, int64_t times = 1) {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().counts[name] += times;
}

inline thread_local bool captures = false;  // whether this thread does

inline bool capturing() {
  int64_t stream = state().capturing_stream;
  return stream >= 0 && stream == current_stream;
}

void complete_copies(int64_t until);

// The host waits until the device has done what was issued up to a number. Not while any stream is captured, as on a
// real device, unless another thread does so in the mode "thread_local". Nothing happens if it is known to be done.
inline void wait(const char* kind, int64_t until) {
  bool is_allowed = state().capturing_stream < 0 || (state().others_may_wait && !captures);
  TORCH_CHECK(is_allowed, "operation not permitted when stream is capturing: ", kind);
  if (until <= state().completed) return;
  complete_copies(until);
  state().completed = until;
  if (WaitCallback callback = state().on_wait) callback(kind);
}

// The host waits for all that was issued.
inline void wait(const char* kind) { wait(kind, state().issued); }

}  // namespace pretended
