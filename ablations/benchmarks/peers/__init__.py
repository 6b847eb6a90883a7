"""Scripts that another interpreter runs, to measure the originals beside ours."""
