"""What is known of a GPU, and of all that a process may use."""

from __future__ import annotations

from dataclasses import dataclass

NVIDIA, AMD = "nvidia", "amd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One card. None stands for what its driver cannot report about it."""

    index: int
    """Its number in torch (``cuda:N``) and in Zeus, after ``CUDA_VISIBLE_DEVICES``."""
    nvml_index: int
    """Its number in NVML and nvidia-smi, which ignore ``CUDA_VISIBLE_DEVICES``; AMD's in HIP."""
    uuid: str
    name: str
    driver: str
    simulated: bool
    """Whether the driver is a simulator: its joules are never a measurement."""
    energy_counter: bool
    """Whether its joules can be read: NVIDIA's from Volta on, AMD's by its counter or its watts."""
    counter_error: str = ""
    """The driver's words if it has a counter, and reading it failed."""
    vendor: str = NVIDIA
    note: str = ""
    """What a person should know of its joules; empty if they are the card's own."""
    mig: bool = False
    """Whether it is partitioned: its counter then includes the joules of all partitions."""
    power_limit_w: float | None = None
    default_power_limit_w: float | None = None
    min_power_limit_w: float | None = None
    max_power_limit_w: float | None = None
    sm_clock_mhz: int | None = None
    max_sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    max_memory_clock_mhz: int | None = None
    temperature_c: int | None = None
    persistence: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LostGpu:
    """A card that NVML lists and that does not answer."""

    index: int
    """Its number after ``CUDA_VISIBLE_DEVICES``, if CUDA counts it at all."""
    nvml_index: int
    error: str
    """NVML's words."""

    def __str__(self) -> str:
        """Return what a person needs to find it in nvidia-smi."""
        return f"GPU {self.nvml_index} does not answer (NVML reports '{self.error}')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The GPUs that a process may use; if there is none, the reason."""

    gpus: tuple[Gpu, ...] = ()
    reason: str = ""
    lost: tuple[LostGpu, ...] = ()
    """Cards that would be usable too, if they answered."""
