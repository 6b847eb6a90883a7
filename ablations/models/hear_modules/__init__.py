"""Any module of the HEAR common API as a model, in this process or in a process of another interpreter."""
