// Graphs: operations that are recorded while a stream is captured, and done when the graph is replayed.
#pragma once

#include "state.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/ScalarType.h>

#include <functional>
#include <memory>
#include <vector>

namespace pretended {

using Work = std::function<void()>;
using Graph = std::vector<Work>;

struct Graphs {
  std::map<int64_t, Graph> all;
  int64_t next = 0;
};

inline Graphs& graphs() {
  static Graphs* forever = new Graphs();
  return *forever;
}

inline void count_kernel(const std::string& name, c10::ScalarType type) {
  state().issued++;
  count("kernel " + name + " " + c10::toString(type));
}

inline bool idle(c10::ScalarType type) { return state().idle && c10::isFloatingType(type); }

inline void record(Work work) { graphs().all.rbegin()->second.push_back(std::move(work)); }

// A kernel whose results have their memory already: done now, or recorded.
inline void launch(const std::string& name, c10::ScalarType type, Work work) {
  if (capturing()) {
    count("captured");
    record(std::move(work));
  } else {
    count_kernel(name, type);
    if (!idle(type)) work();
  }
}

inline int64_t capture_begin(bool others_may_wait) {
  TORCH_CHECK(state().capturing_stream < 0, "a graph is captured already");
  TORCH_CHECK(current_stream != 0, "CUDA graphs must be captured on a non-default stream");
  Graphs& g = graphs();
  g.all[g.next] = {};
  captures = true;
  state().others_may_wait = others_may_wait;
  state().capturing_stream = current_stream;
  return g.next++;
}

inline void capture_end() {
  state().capturing_stream = -1;
  captures = false;
}

inline void replay(int64_t number) {
  TORCH_CHECK(!capturing(), "a graph can't be replayed while one is captured");
  state().issued++;
  count("kernel graph replay");
  at::NoGradGuard no_grad;
  at::AutoDispatchBelowADInplaceOrView below;
  const Graph& graph = graphs().all.at(number);
  count("replayed", graph.size());
  if (state().idle) return;
  for (const Work& work : graph) work();
}

}  // namespace pretended
