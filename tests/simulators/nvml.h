/* What the parts of the simulated NVIDIA driver share: the cards, their lock, what can be set, and how a call begins. */
#ifndef SIMULATED_NVML_H
#define SIMULATED_NVML_H

#include <pthread.h>

typedef unsigned int U;
typedef unsigned long long U64;

typedef int Return;
typedef void *Handle;

#define EXPORTED __attribute__((visibility("default")))

enum { MAX_GPUS = 8, MAX_PROCESSES = 8, SM_STEPS = 7, MEMORY_STEPS = 3 };
enum { COMPUTE, GRAPHICS, KINDS };

/* What can be set of a card: the number here, the name that tests use, and the value of a new card.
 * Watts, seconds, MHz, °C and joules; switches are 0 or 1; a locked clock of 0 is not locked. */
#define SETTINGS(X)                                                                                   \
    X(POWER, "power_w", -1) /* negative: follow load, clock and limit */                              \
    X(IDLE, "idle_w", 70)                                                                             \
    X(LOAD, "load", 0) /* 0 to 1; setting it lets the power follow it */                              \
    X(UPDATE, "update_s", 0.1)                                                                        \
    X(LIMIT, "power_limit_w", 700)                                                                    \
    X(DEFAULT_LIMIT, "default_limit_w", 700)                                                          \
    X(MIN_LIMIT, "min_limit_w", 200)                                                                  \
    X(MAX_LIMIT, "max_limit_w", 700)                                                                  \
    X(SM_CLOCK, "sm_clock_mhz", 1980)                                                                 \
    X(SM_LOW, "lowest_sm_mhz", 0)                                                                     \
    X(SM_HIGH, "locked_sm_mhz", 0)                                                                    \
    X(MEMORY_CLOCK, "memory_clock_mhz", 3201)                                                         \
    X(MEMORY_LOW, "lowest_memory_mhz", 0)                                                             \
    X(MEMORY_HIGH, "locked_memory_mhz", 0)                                                            \
    X(TEMPERATURE, "temperature_c", 35)                                                               \
    X(THROTTLE, "throttle_mask", 0)                                                                   \
    X(PERSISTENCE, "persistence", 0)                                                                  \
    X(MIG, "mig", 0)                                                                                  \
    X(ARCHITECTURE, "architecture", 9)                                                                \
    X(PRIVILEGED, "privileged", 1) /* root may change limits and clocks; others never may */          \
    X(IS_LOST, "lost", 0)                                                                             \
    X(FORBIDDEN, "forbidden", 0)                                                                      \
    X(NO_COUNTER, "no_counter", 0)                                                                    \
    X(NO_SENSOR, "no_sensor", 0)                                                                      \
    X(COUNTER_FACTOR, "unit_factor", 1)                                                               \
    X(SENSOR_FACTOR, "sensor_factor", 1)                                                              \
    X(DELAY, "read_delay_s", 0)                                                                       \
    X(STUCK, "stuck", 0)                                                                              \
    X(GLITCH, "glitch_j", 0)                                                                          \
    X(GLITCH_READS, "glitch_reads", 0)

#define NUMBER(NUMBER_, NAME, VALUE) NUMBER_,
enum Setting { SETTINGS(NUMBER) SETTING_COUNT };

typedef struct {
    U count;
    U pids[MAX_PROCESSES];
    U64 bytes[MAX_PROCESSES];
} Processes;

typedef struct {
    double set[SETTING_COUNT];
    double energy_j, since; /* the truth, and the time up to which it is integrated */
    double latched_j;       /* the truth at the last update of the counter */
    double offset_j;        /* what the counter lacks */
    double stuck_j;         /* what it shows while it is stuck */
    Processes running[KINDS];
} Card;

typedef struct {
    U count;
    pthread_mutex_t lock;
    Card cards[MAX_GPUS];
} State;

extern const U SM_MHZ[SM_STEPS], MEMORY_MHZ[MEMORY_STEPS];
extern State *state; /* mapped by the first hold */
extern U opened;     /* how often this process has initialised NVML and not shut it down */

/* All that follows wants the lock; hold takes it, for threads and processes alike. */
void hold(void);
void let_go(void);
void advance(Card *card);
double watts(const Card *card);
double counter_j(Card *card);
double clock_mhz(const Card *card, int clock, int low, int high);

/* Names, numbers and texts are NVML's own. */
#define RETURNS(X)                                    \
    X(SUCCESS, 0, "Success")                          \
    X(UNINITIALIZED, 1, "Uninitialized")              \
    X(INVALID_ARGUMENT, 2, "Invalid Argument")        \
    X(NOT_SUPPORTED, 3, "Not Supported")              \
    X(NO_PERMISSION, 4, "Insufficient Permissions")   \
    X(NOT_FOUND, 6, "Not Found")                      \
    X(INSUFFICIENT_SIZE, 7, "Insufficient Size")      \
    X(DRIVER_NOT_LOADED, 9, "Driver Not Loaded")      \
    X(GPU_IS_LOST, 15, "GPU is lost")
#define VALUE(NAME, NUMBER_, TEXT) NAME = NUMBER_,
enum { RETURNS(VALUE) };

/* Takes the lock and finds the card, integrated up to now. Where it fails, the lock is free again. */
Return enter(Handle handle, Card **card);
/* Frees the lock. */
Return leave(Return result);

#define ENTER(handle)                      \
    Card *card;                            \
    Return failed = enter(handle, &card);  \
    if (failed) return failed

/* A question with one answer. */
#define ANSWER(QUESTION, TYPE, VALUE_)                 \
    EXPORTED Return QUESTION(Handle h, TYPE *answer) { \
        ENTER(h);                                      \
        *answer = (TYPE)(VALUE_);                      \
        return leave(SUCCESS);                         \
    }

#endif
