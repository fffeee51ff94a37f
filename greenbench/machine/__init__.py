"""The state of the machine: its energy, its settings, its GPUs and processes.

Empty, so that the guard process imports neither pynvml nor Zeus.
"""
