"""A pretended CUDA device: torch takes it for CUDA; it computes on the CPU and keeps count.

A CPU build of torch is given a device guard, hooks, an allocator and kernels for the dispatch key CUDA (`native/`). So
tensors, gradients, generators, autocast, inference mode, threads and CUDA graphs go the way that they go on a GPU, and
each operator ends in the CPU's kernel on the same memory. A test takes the fixture `pretended_cuda`::

    def test_one_copy_a_call(pretended_cuda):
        with pretended_cuda.counting() as counts:
            embedder.scene(clips, taps)
        assert (counts.to_device, len(counts.waits)) == (1, 1)

It raises where devices are mixed, and where a capture of a graph meets a wait. What is read too early is NaN: memory
that was never written, results of a capture before its replay, and pinned memory before the host has waited for its
copy. Pinned memory that is written while a copy may still read it fails the test. `limit` makes memory run out.

It can't show what CUDA's own kernels round, how long they take, how streams overlap (all work is done in the order of
the calls), several devices, memory that a freed tensor leaves to others while a graph uses it, or code that
torch.compile makes for a GPU. Views and lists of tensors that an operator returns anew can't be captured.
"""
