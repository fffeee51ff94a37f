/* A simulated NVIDIA driver: the part of libnvidia-ml.so.1 that nvidia-ml-py and Zeus call, for up to 8 cards.
 *
 * A card draws what it is told (or what load, clock and power limit give) and integrates that over CLOCK_MONOTONIC: the true
 * energy. What its counter shows is another matter: it moves once in an update period, and every fault that tests need can be
 * switched on at any moment through sim_set. State lies in a file that processes map together (NVML_SIMULATOR_STATE), or in
 * the process alone. With no card plugged in, nvmlInit finds no driver.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef int Return;
typedef unsigned int U;
typedef unsigned long long U64;
enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, TOO_SMALL = 7,
       NO_DRIVER = 9, LOST = 15 };
enum { MAX_GPUS = 8, MAX_PROCESSES = 4 };

/* The numbers that sim_set and sim_get take; tests/simulators/nvml.py names them in the same order. */
enum Field { POWER_W, IDLE_W, LOAD, UPDATE_S, LIMIT_W, DEFAULT_W, MIN_W, MAX_W, SM_LOCK, MEM_LOCK, SM_CLOCK, MEM_CLOCK,
             TEMPERATURE, THROTTLE, PERSISTENCE, MIG, ARCHITECTURE, PRIVILEGED, IS_LOST, FORBIDDEN, NO_COUNTER, NO_SENSOR,
             UNIT, SENSOR, DELAY_S, STUCK, GLITCH_J, GLITCH_READS, OFFSET_J, FIELDS };

typedef struct {
    double set[FIELDS];
    double energy_j, since, stuck_at_j;
    U pids[MAX_PROCESSES];
    U64 bytes[MAX_PROCESSES];
    U processes;
} Card;
typedef struct { U count; pthread_mutex_t lock; Card cards[MAX_GPUS]; } State;

static State *state;
static const U SM_CLOCKS[] = {1980, 1755, 1500, 1200, 900, 600, 345}, MEM_CLOCKS[] = {3201, 2619, 1593};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Maps the state once a process; whoever makes the file initialises its lock, which other processes share. */
static void attach(void) {
    if (state) return;
    const char *path = getenv("NVML_SIMULATOR_STATE");
    int fd = path && *path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (fd >= 0) flock(fd, LOCK_EX);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    if (fd >= 0 && size < (off_t)sizeof(State) && ftruncate(fd, sizeof(State))) abort();
    void *map = mmap(NULL, sizeof(State), PROT_READ | PROT_WRITE, fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS, fd, 0);
    if (map == MAP_FAILED) abort();
    state = map;
    if (size < (off_t)sizeof(State)) {
        pthread_mutexattr_t kind;
        pthread_mutexattr_init(&kind);
        pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&state->lock, &kind);
    }
    if (fd >= 0) flock(fd, LOCK_UN); /* closing alone would not let go: the mapping holds the file open */
    if (fd >= 0) close(fd);
}

static void hold(void) {
    attach();
    if (pthread_mutex_lock(&state->lock) == EOWNERDEAD) pthread_mutex_consistent(&state->lock);
}
static void release(void) { pthread_mutex_unlock(&state->lock); }

static double sm_clock(const Card *c) { return c->set[SM_LOCK] > 0 ? c->set[SM_LOCK] : c->set[SM_CLOCK]; }

/* Watts: as told, or idle + load * (clock / highest)^2.2, below the limit. */
static double watts(const Card *c) {
    if (c->set[POWER_W] >= 0) return c->set[POWER_W];
    double p = c->set[IDLE_W] + c->set[LOAD] * 560 * pow(sm_clock(c) / SM_CLOCKS[0], 2.2);
    return p > c->set[LIMIT_W] ? c->set[LIMIT_W] : p;
}

static void integrate(Card *c) {
    double t = now();
    c->energy_j += watts(c) * (t - c->since);
    c->since = t;
}

static void renew(Card *c) {
    static const double fresh[FIELDS] = {
        [POWER_W] = -1, [IDLE_W] = 70, [UPDATE_S] = 0.1, [LIMIT_W] = 700, [DEFAULT_W] = 700, [MIN_W] = 200, [MAX_W] = 700,
        [SM_CLOCK] = 1980, [MEM_CLOCK] = 3201, [TEMPERATURE] = 35, [ARCHITECTURE] = 9, [PRIVILEGED] = 1, [UNIT] = 1,
        [SENSOR] = 1};
    memset(c, 0, sizeof *c);
    memcpy(c->set, fresh, sizeof fresh);
    c->energy_j = 123456;
    c->since = now();
}

/* What the counter shows, in joules: the energy at the last whole update period, and then the faults. */
static double counter(Card *c) {
    integrate(c);
    double period = c->set[UPDATE_S];
    double lag = period > 0 ? fmod(c->since, period) : 0;
    double shown = c->energy_j - watts(c) * lag + c->set[OFFSET_J];
    if (c->set[STUCK] > 0) shown = c->stuck_at_j;
    if (c->set[GLITCH_READS] > 0) {
        c->set[GLITCH_READS] -= 1;
        shown -= c->set[GLITCH_J];
    }
    return shown > 0 ? shown * c->set[UNIT] : 0;
}

/* ---- what tests call ---- */

void sim_plug(U count) {
    hold();
    for (U i = 0; i < MAX_GPUS; i++) renew(&state->cards[i]);
    state->count = count > MAX_GPUS ? MAX_GPUS : count;
    release();
}

double sim_get(U i, U field) {
    hold();
    double value = state->cards[i].set[field];
    release();
    return value;
}

/* A counter that is unstuck either shows all that was used meanwhile (value 0) or stays behind by it (value -1). */
void sim_set(U i, U field, double value) {
    hold();
    Card *c = &state->cards[i];
    integrate(c);
    if (field == STUCK && value > 0) c->stuck_at_j = counter(c) / c->set[UNIT];
    if (field == STUCK && value < 0) {
        c->set[STUCK] = 0;
        c->set[OFFSET_J] -= counter(c) / c->set[UNIT] - c->stuck_at_j;
        value = 0;
    }
    c->set[field] = value;
    release();
}

double sim_true_energy_j(U i) {
    hold();
    integrate(&state->cards[i]);
    double joules = state->cards[i].energy_j;
    release();
    return joules;
}

void sim_processes(U i, U count, const U *pids, const U64 *bytes) {
    hold();
    Card *c = &state->cards[i];
    c->processes = count > MAX_PROCESSES ? MAX_PROCESSES : count;
    memcpy(c->pids, pids, c->processes * sizeof *pids);
    memcpy(c->bytes, bytes, c->processes * sizeof *bytes);
    release();
}

/* ---- NVML ---- */

static Card *card(void *handle) {
    attach();
    uintptr_t number = (uintptr_t)handle;
    return number >= 1 && number <= state->count ? &state->cards[number - 1] : NULL;
}

#define CARD                                             \
    Card *c = card(h);                                   \
    if (!c) return state->count ? INVALID : UNINITIALIZED; \
    if (c->set[IS_LOST] > 0) return LOST;
#define TELL(NAME, TYPE, VALUE)          \
    Return NAME(void *h, TYPE *out) {    \
        CARD hold();                     \
        integrate(c);                    \
        *out = (TYPE)(VALUE);            \
        release();                       \
        return OK;                       \
    }

Return nvmlInitWithFlags(U flags) { (void)flags; attach(); return state->count ? OK : NO_DRIVER; }
Return nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
Return nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(Return r) {
    switch (r) {
    case OK: return "Success";
    case UNINITIALIZED: return "Uninitialized";
    case INVALID: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NO_PERMISSION: return "Insufficient Permissions";
    case NOT_FOUND: return "Not Found";
    case TOO_SMALL: return "Insufficient Size";
    case NO_DRIVER: return "Driver Not Loaded";
    case LOST: return "GPU is lost";
    }
    return "Unknown Error";
}
Return nvmlSystemGetDriverVersion(char *out, U size) { snprintf(out, size, "999.99-sim"); return OK; }
Return nvmlDeviceGetCount_v2(U *out) { attach(); *out = state->count; return OK; }
Return nvmlDeviceGetHandleByIndex_v2(U i, void **out) {
    attach();
    *out = (void *)(uintptr_t)(i + 1);
    return i < state->count ? OK : INVALID;
}
static void uuid(U i, char *out, U size) { snprintf(out, size, "GPU-51a00000-0000-0000-0000-%012u", i); }
Return nvmlDeviceGetHandleByUUID(const char *asked, void **out) {
    char own[64];
    attach();
    for (U i = 0; i < state->count; i++) {
        uuid(i, own, sizeof own);
        if (!strcmp(own, asked)) return nvmlDeviceGetHandleByIndex_v2(i, out);
    }
    return NOT_FOUND;
}
Return nvmlDeviceGetUUID(void *h, char *out, U size) { CARD uuid((U)(uintptr_t)h - 1, out, size); return OK; }
Return nvmlDeviceGetName(void *h, char *out, U size) { CARD snprintf(out, size, "Simulated H200"); return OK; }
Return nvmlDeviceGetMigMode(void *h, U *now_, U *later) {
    CARD if (c->set[MIG] <= 0) return NOT_SUPPORTED;
    *now_ = *later = 1;
    return OK;
}
Return nvmlDeviceGetC2cModeInfoV(void *h, void *out) { (void)out; CARD return NOT_SUPPORTED; }

TELL(nvmlDeviceGetIndex, U, (uintptr_t)h - 1)
TELL(nvmlDeviceGetArchitecture, U, c->set[ARCHITECTURE])
TELL(nvmlDeviceGetPowerManagementLimit, U, c->set[LIMIT_W] * 1000)
TELL(nvmlDeviceGetEnforcedPowerLimit, U, c->set[LIMIT_W] * 1000)
TELL(nvmlDeviceGetPowerManagementDefaultLimit, U, c->set[DEFAULT_W] * 1000)
TELL(nvmlDeviceGetPersistenceMode, U, c->set[PERSISTENCE])
TELL(nvmlDeviceGetCurrentClocksThrottleReasons, U64, c->set[THROTTLE])
TELL(nvmlDeviceGetCurrentClocksEventReasons, U64, c->set[THROTTLE])

Return nvmlDeviceGetTotalEnergyConsumption(void *h, U64 *out) {
    CARD if (c->set[NO_COUNTER] > 0) return NOT_SUPPORTED;
    if (c->set[FORBIDDEN] > 0) return NO_PERMISSION;
    if (c->set[DELAY_S] > 0) usleep((U)(c->set[DELAY_S] * 1e6));
    hold();
    *out = (U64)(counter(c) * 1000);
    release();
    return OK;
}
static double sensed_mw(Card *c) { return watts(c) * c->set[SENSOR] * 1000; }
Return nvmlDeviceGetPowerUsage(void *h, U *out) {
    CARD if (c->set[NO_SENSOR] > 0) return NOT_SUPPORTED;
    *out = (U)sensed_mw(c);
    return OK;
}
typedef struct {
    uint32_t field, scope;
    int64_t at, latency;
    int kind, result;
    union { double d; U u; U64 full; } value;
} FieldValue;
Return nvmlDeviceGetFieldValues(void *h, int count, FieldValue *values) {
    CARD for (int i = 0; i < count; i++) {
        int known = (values[i].field == 185 || values[i].field == 186) && c->set[NO_SENSOR] <= 0;
        values[i].result = known ? OK : NOT_SUPPORTED;
        values[i].kind = 1;
        values[i].value.u = (U)sensed_mw(c);
    }
    return OK;
}
Return nvmlDeviceGetPowerManagementLimitConstraints(void *h, U *least, U *most) {
    CARD *least = (U)(c->set[MIN_W] * 1000);
    *most = (U)(c->set[MAX_W] * 1000);
    return OK;
}
Return nvmlDeviceGetClockInfo(void *h, U kind, U *out) {
    CARD *out = kind == 2 ? (U)(c->set[MEM_LOCK] > 0 ? c->set[MEM_LOCK] : c->set[MEM_CLOCK]) : (U)sm_clock(c);
    return OK;
}
Return nvmlDeviceGetMaxClockInfo(void *h, U kind, U *out) { CARD *out = kind == 2 ? MEM_CLOCKS[0] : SM_CLOCKS[0]; return OK; }
static Return list(const U *from, U length, U *count, U *out) {
    U room = *count;
    *count = length;
    if (!out || room < length) return TOO_SMALL;
    memcpy(out, from, length * sizeof *from);
    return OK;
}
Return nvmlDeviceGetSupportedMemoryClocks(void *h, U *count, U *out) { CARD return list(MEM_CLOCKS, 3, count, out); }
Return nvmlDeviceGetSupportedGraphicsClocks(void *h, U memory, U *count, U *out) {
    CARD (void)memory;
    return list(SM_CLOCKS, 7, count, out);
}
typedef struct { U version, sensor; int celsius; } Temperature;
Return nvmlDeviceGetTemperatureV(void *h, Temperature *out) { CARD out->celsius = (int)c->set[TEMPERATURE]; return OK; }
Return nvmlDeviceGetTemperature(void *h, U sensor, U *out) { CARD (void)sensor; *out = (U)c->set[TEMPERATURE]; return OK; }
typedef struct { U pid; U64 bytes; U instance, compute; } Process;
Return nvmlDeviceGetComputeRunningProcesses_v3(void *h, U *count, Process *out) {
    CARD U room = *count;
    *count = c->processes;
    if (!c->processes) return OK;
    if (!out || room < c->processes) return TOO_SMALL;
    for (U i = 0; i < c->processes; i++) out[i] = (Process){c->pids[i], c->bytes[i], 0, 0};
    return OK;
}
Return nvmlDeviceGetGraphicsRunningProcesses_v3(void *h, U *count, Process *out) { CARD (void)out; *count = 0; return OK; }

/* Setting the present value succeeds without privilege, as on real cards. */
static Return set(Card *c, int field, double value, int allowed) {
    if (!allowed) return INVALID;
    if (c->set[field] == value) return OK;
    if (c->set[PRIVILEGED] <= 0) return NO_PERMISSION;
    hold();
    integrate(c);
    c->set[field] = value;
    release();
    return OK;
}
Return nvmlDeviceSetPowerManagementLimit(void *h, U milliwatts) {
    CARD double w = milliwatts / 1000.0;
    return set(c, LIMIT_W, w, w >= c->set[MIN_W] && w <= c->set[MAX_W]);
}
Return nvmlDeviceSetGpuLockedClocks(void *h, U low, U high) { CARD return set(c, SM_LOCK, high, low <= high); }
Return nvmlDeviceSetMemoryLockedClocks(void *h, U low, U high) { CARD return set(c, MEM_LOCK, high, low <= high); }
Return nvmlDeviceResetGpuLockedClocks(void *h) { CARD return set(c, SM_LOCK, 0, 1); }
Return nvmlDeviceResetMemoryLockedClocks(void *h) { CARD return set(c, MEM_LOCK, 0, 1); }
Return nvmlDeviceSetPersistenceMode(void *h, U on) { CARD return set(c, PERSISTENCE, on, 1); }
