"""What `import ablations` offers to scripts and notebooks: run, evaluate, look at the results, embed."""
