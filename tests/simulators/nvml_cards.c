/* The cards of the simulated NVIDIA driver, and the sim_ functions with which tests control them.
 *
 * A card draws watts and integrates them over CLOCK_MONOTONIC, which all processes share: the truth. Its counter is another
 * matter: it shows the truth as of its last update, and with the faults that are switched on. The state lies in the file that
 * NVML_SIMULATOR_STATE names, mapped by every process, or else in the memory of this process alone.
 */
#define _GNU_SOURCE
#include "nvml.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FULL_LOAD_WATTS 560
#define CLOCK_EXPONENT 2.2
#define FIRST_JOULES 123456

#define NAME(NUMBER_, NAME_, VALUE) NAME_,
#define FRESH(NUMBER_, NAME_, VALUE) VALUE,
static const char *const NAMES[SETTING_COUNT] = {SETTINGS(NAME)};
static const double FRESH_VALUES[SETTING_COUNT] = {SETTINGS(FRESH)};

const U SM_MHZ[SM_STEPS] = {1980, 1755, 1500, 1200, 900, 600, 345};
const U MEMORY_MHZ[MEMORY_STEPS] = {3201, 2619, 1593};
State *state;
U opened;
static pthread_once_t mapped = PTHREAD_ONCE_INIT;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* The mutex is robust: a process that is killed while it holds it leaves the others running. */
static void make_lock(pthread_mutex_t *lock) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(lock, &kind);
    pthread_mutexattr_destroy(&kind);
}

static void map_state(void) {
    const char *path = getenv("NVML_SIMULATOR_STATE");
    int file = -1;
    if (path && *path && (file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0) abort();
    int fresh = 1;
    if (file >= 0) {
        flock(file, LOCK_EX);
        fresh = lseek(file, 0, SEEK_END) < (off_t)sizeof *state;
        if (fresh && ftruncate(file, sizeof *state)) abort();
    }
    int flags = MAP_SHARED | (file < 0 ? MAP_ANONYMOUS : 0);
    state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, flags, file, 0);
    if (state == MAP_FAILED) abort();
    if (fresh) make_lock(&state->lock);
    if (file >= 0) {
        flock(file, LOCK_UN);
        close(file);
    }
}

void hold(void) {
    pthread_once(&mapped, map_state);
    if (pthread_mutex_lock(&state->lock) == EOWNERDEAD) pthread_mutex_consistent(&state->lock);
}

void let_go(void) { pthread_mutex_unlock(&state->lock); }

/* A clock within the range to which it is locked, where it is. */
double clock_mhz(const Card *card, int clock, int low, int high) {
    double mhz = fmax(card->set[clock], card->set[low]);
    return card->set[high] > 0 ? fmin(mhz, card->set[high]) : mhz;
}

/* What it is told, or idle + load * (share of the highest clock) ^ 2.2, and then never more than the limit. */
double watts(const Card *card) {
    if (card->set[POWER] >= 0) return card->set[POWER];
    double share = clock_mhz(card, SM_CLOCK, SM_LOW, SM_HIGH) / SM_MHZ[0];
    double wanted = card->set[IDLE] + card->set[LOAD] * FULL_LOAD_WATTS * pow(share, CLOCK_EXPONENT);
    return fmin(wanted, card->set[LIMIT]);
}

/* Integrates up to now. The watts have been the same since the last time: whoever changes them advances first. */
void advance(Card *card) {
    double t = now(), power = watts(card), period = card->set[UPDATE];
    double update = period > 0 ? t - fmod(t, period) : t;
    if (update >= card->since) card->latched_j = card->energy_j + power * (update - card->since);
    card->energy_j += power * (t - card->since);
    card->since = t;
}

static double healthy_j(const Card *card) { return fmax(card->latched_j + card->offset_j, 0); }

/* What the counter shows at this reading. */
double counter_j(Card *card) {
    double shown = card->set[STUCK] > 0 ? card->stuck_j : healthy_j(card);
    if (card->set[GLITCH_READS] > 0) {
        card->set[GLITCH_READS] -= 1;
        shown -= card->set[GLITCH];
    }
    return fmax(shown, 0) * card->set[COUNTER_FACTOR];
}

static void renew(Card *card) {
    memset(card, 0, sizeof *card);
    memcpy(card->set, FRESH_VALUES, sizeof FRESH_VALUES);
    card->energy_j = card->latched_j = FIRST_JOULES;
    card->since = now();
}

static int find(U gpu, const char *name) {
    if (gpu >= state->count) return -1;
    for (int i = 0; i < SETTING_COUNT; i++)
        if (!strcmp(NAMES[i], name)) return i;
    return -1;
}

/* Plugs in so many new cards, and pulls out those that were there. */
EXPORTED void sim_plug(U count) {
    hold();
    state->count = count < MAX_GPUS ? count : MAX_GPUS;
    for (U i = 0; i < state->count; i++) renew(&state->cards[i]);
    let_go();
}

EXPORTED void sim_unplug(void) { sim_plug(0); }

/* As a machine without a driver, in a process that never initialised NVML. */
EXPORTED void sim_reset(void) {
    hold();
    state->count = opened = 0;
    let_go();
}

/* NaN for a card that is not plugged in or a name that is none. */
EXPORTED double sim_get(U gpu, const char *name) {
    hold();
    int setting = find(gpu, name);
    double value = setting < 0 ? NAN : state->cards[gpu].set[setting];
    let_go();
    return value;
}

/* 0, or -1 for a card that is not plugged in or a name that is none. */
EXPORTED int sim_set(U gpu, const char *name, double value) {
    hold();
    int setting = find(gpu, name);
    if (setting >= 0) {
        Card *card = &state->cards[gpu];
        advance(card);
        if (setting == STUCK && card->set[STUCK] <= 0) card->stuck_j = healthy_j(card);
        if (setting == LOAD) card->set[POWER] = -1;
        card->set[setting] = value;
    }
    let_go();
    return setting < 0 ? -1 : 0;
}

/* Lets a stuck counter go on, from the truth or from where it stood. */
EXPORTED void sim_release(U gpu, int catch_up) {
    hold();
    Card *card = &state->cards[gpu % MAX_GPUS];
    advance(card);
    if (card->set[STUCK] > 0 && !catch_up) card->offset_j -= healthy_j(card) - card->stuck_j;
    card->set[STUCK] = 0;
    let_go();
}

/* Lets the counter begin at 0 again. */
EXPORTED void sim_restart_counter(U gpu) {
    hold();
    Card *card = &state->cards[gpu % MAX_GPUS];
    advance(card);
    card->offset_j = -card->energy_j;
    card->stuck_j = 0;
    let_go();
}

EXPORTED double sim_power_w(U gpu) {
    hold();
    double power = watts(&state->cards[gpu % MAX_GPUS]);
    let_go();
    return power;
}

/* Exactly what the card has used until now, whatever its counter shows. */
EXPORTED double sim_true_energy_mj(U gpu) {
    hold();
    Card *card = &state->cards[gpu % MAX_GPUS];
    advance(card);
    double joules = card->energy_j;
    let_go();
    return joules * 1000;
}

/* Which processes use the card: kind 0 is compute, 1 is graphics. */
EXPORTED void sim_processes(U gpu, U kind, U count, const U *pids, const U64 *bytes) {
    hold();
    Processes *running = &state->cards[gpu % MAX_GPUS].running[kind % KINDS];
    running->count = count < MAX_PROCESSES ? count : MAX_PROCESSES;
    memcpy(running->pids, pids, running->count * sizeof *pids);
    memcpy(running->bytes, bytes, running->count * sizeof *bytes);
    let_go();
}
