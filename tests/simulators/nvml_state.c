/* The state of a simulated card as NVML tells it (clocks, temperature, processes), and the setters. */
#define _GNU_SOURCE
#include "nvml.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { CLOCK_MEM = 2 };

/* ---- clocks ---- */

/* Copies a list as NVML does: the caller asks for its length first. */
static Return copy(const U *list, U length, U *count, U *answer) {
    U room = *count;
    *count = length;
    if (!answer || room < length) return INSUFFICIENT_SIZE;
    memcpy(answer, list, length * sizeof *list);
    return SUCCESS;
}

static int holds(const U *list, U length, U mhz) {
    for (U i = 0; i < length; i++)
        if (list[i] == mhz) return 1;
    return 0;
}

EXPORTED Return nvmlDeviceGetSupportedMemoryClocks(Handle h, U *count, U *mhz) {
    ENTER(h);
    return leave(copy(MEMORY_MHZ, MEMORY_STEPS, count, mhz));
}

EXPORTED Return nvmlDeviceGetSupportedGraphicsClocks(Handle h, U memory_mhz, U *count, U *mhz) {
    ENTER(h);
    if (!holds(MEMORY_MHZ, MEMORY_STEPS, memory_mhz)) return leave(NOT_FOUND);
    return leave(copy(SM_MHZ, SM_STEPS, count, mhz));
}

EXPORTED Return nvmlDeviceGetClockInfo(Handle h, U kind, U *mhz) {
    ENTER(h);
    *mhz = kind == CLOCK_MEM ? (U)clock_mhz(card, MEMORY_CLOCK, MEMORY_LOW, MEMORY_HIGH)
                             : (U)clock_mhz(card, SM_CLOCK, SM_LOW, SM_HIGH);
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetMaxClockInfo(Handle h, U kind, U *mhz) {
    ENTER(h);
    *mhz = kind == CLOCK_MEM ? MEMORY_MHZ[0] : SM_MHZ[0];
    return leave(SUCCESS);
}

ANSWER(nvmlDeviceGetCurrentClocksThrottleReasons, U64, card->set[THROTTLE])
ANSWER(nvmlDeviceGetCurrentClocksEventReasons, U64, card->set[THROTTLE])

/* ---- the rest of its state ---- */

typedef struct {
    U version, sensor;
    int celsius;
} Temperature;

EXPORTED Return nvmlDeviceGetTemperatureV(Handle h, Temperature *answer) {
    ENTER(h);
    answer->celsius = (int)card->set[TEMPERATURE];
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetTemperature(Handle h, U sensor, U *celsius) {
    (void)sensor;
    ENTER(h);
    *celsius = (U)card->set[TEMPERATURE];
    return leave(SUCCESS);
}

typedef struct {
    U gpu, memory;
} Utilization;

/* Both are the load: the card was at work for that share of the time. */
EXPORTED Return nvmlDeviceGetUtilizationRates(Handle h, Utilization *percent) {
    ENTER(h);
    percent->gpu = percent->memory = (U)(card->set[LOAD] * 100);
    return leave(SUCCESS);
}

ANSWER(nvmlDeviceGetPersistenceMode, U, card->set[PERSISTENCE])
ANSWER(nvmlDeviceGetComputeMode, U, 0)

/* What other tools ask; none of ours does. */
typedef struct {
    U64 total, unused, used;
} Memory;

EXPORTED Return nvmlDeviceGetMemoryInfo(Handle h, Memory *bytes) {
    ENTER(h);
    *bytes = (Memory){141ULL << 30, 140ULL << 30, 1ULL << 30};
    return leave(SUCCESS);
}

typedef struct {
    U pid;
    U64 bytes;
    U gpu_instance, compute_instance;
} Process;

static Return running(Handle h, int kind, U *count, Process *answer) {
    ENTER(h);
    const Processes *all = &card->running[kind];
    U room = *count;
    *count = all->count;
    if (!all->count) return leave(SUCCESS);
    if (!answer || room < all->count) return leave(INSUFFICIENT_SIZE);
    for (U i = 0; i < all->count; i++) answer[i] = (Process){all->pids[i], all->bytes[i], UINT32_MAX, UINT32_MAX};
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetComputeRunningProcesses_v3(Handle h, U *count, Process *answer) {
    return running(h, COMPUTE, count, answer);
}

EXPORTED Return nvmlDeviceGetGraphicsRunningProcesses_v3(Handle h, U *count, Process *answer) {
    return running(h, GRAPHICS, count, answer);
}

/* ---- setters ---- */

/* Whoever asks for what is set already needs no permission. */
static Return change(Card *card, int setting, double value) {
    if (card->set[setting] == value) return SUCCESS;
    if (card->set[PRIVILEGED] <= 0 || geteuid() != 0) return NO_PERMISSION;
    card->set[setting] = value;
    return SUCCESS;
}

EXPORTED Return nvmlDeviceSetPowerManagementLimit(Handle h, U milliwatts) {
    ENTER(h);
    double limit = milliwatts / 1000.0;
    if (limit < card->set[MIN_LIMIT] || limit > card->set[MAX_LIMIT]) return leave(INVALID_ARGUMENT);
    return leave(change(card, LIMIT, limit));
}

EXPORTED Return nvmlDeviceSetPersistenceMode(Handle h, U mode) {
    ENTER(h);
    if (mode > 1) return leave(INVALID_ARGUMENT);
    return leave(change(card, PERSISTENCE, mode));
}

static Return lock_clock(Handle h, int lowest, U low, int highest, U high) {
    ENTER(h);
    Return result = change(card, lowest, low);
    return leave(result ? result : change(card, highest, high));
}

EXPORTED Return nvmlDeviceSetGpuLockedClocks(Handle h, U low, U high) {
    if (low > high || low < SM_MHZ[SM_STEPS - 1] || high > SM_MHZ[0]) return INVALID_ARGUMENT;
    return lock_clock(h, SM_LOW, low, SM_HIGH, high);
}

EXPORTED Return nvmlDeviceSetMemoryLockedClocks(Handle h, U low, U high) {
    if (low > high || low < MEMORY_MHZ[MEMORY_STEPS - 1] || high > MEMORY_MHZ[0]) return INVALID_ARGUMENT;
    return lock_clock(h, MEMORY_LOW, low, MEMORY_HIGH, high);
}

/* Letting go of clocks needs permission even where none is locked. */
static Return reset_clock(Handle h, int lowest, int highest) {
    ENTER(h);
    if (card->set[PRIVILEGED] <= 0 || geteuid() != 0) return leave(NO_PERMISSION);
    card->set[lowest] = card->set[highest] = 0;
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceResetGpuLockedClocks(Handle h) { return reset_clock(h, SM_LOW, SM_HIGH); }
EXPORTED Return nvmlDeviceResetMemoryLockedClocks(Handle h) { return reset_clock(h, MEMORY_LOW, MEMORY_HIGH); }
