/* A simulated libnvidia-ml.so.1: what nvidia-ml-py and Zeus ask of an NVIDIA driver.
 *
 * Here are the library itself, what a card is, and its energy. Its state and its setters are in nvml_state.c, the cards that
 * all this tells of in nvml_cards.c. With none plugged in, nvmlInit finds no driver, as on a machine without NVIDIA.
 */
#define _GNU_SOURCE
#include "nvml.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SAY(NAME, NUMBER_, TEXT) case NAME: return TEXT;
enum { FIELD_POWER_AVERAGE = 185, FIELD_POWER_INSTANT = 186, SCOPE_GPU = 0, VALUE_UNSIGNED_INT = 1 };

Return leave(Return result) {
    let_go();
    return result;
}

Return enter(Handle handle, Card **card) {
    uintptr_t number = (uintptr_t)handle;
    hold();
    if (!opened || !state->count) return leave(UNINITIALIZED);
    if (number < 1 || number > state->count) return leave(INVALID_ARGUMENT);
    *card = &state->cards[number - 1];
    if ((*card)->set[IS_LOST] > 0) return leave(GPU_IS_LOST);
    advance(*card);
    return SUCCESS;
}

static U milli(double number) { return (U)lround(number * 1000); }
static U sensor_mw(const Card *card) { return milli(watts(card) * card->set[SENSOR_FACTOR]); }
static void write_uuid(U gpu, char *text, U size) { snprintf(text, size, "GPU-51a00000-0000-0000-0000-%012u", gpu); }

/* ---- the library ---- */

EXPORTED Return nvmlInitWithFlags(U flags) {
    (void)flags;
    hold();
    if (!state->count) return leave(DRIVER_NOT_LOADED);
    opened++;
    return leave(SUCCESS);
}

EXPORTED Return nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

EXPORTED Return nvmlShutdown(void) {
    hold();
    if (!opened) return leave(UNINITIALIZED);
    opened--;
    return leave(SUCCESS);
}

EXPORTED const char *nvmlErrorString(Return result) {
    switch (result) { RETURNS(SAY) }
    return "Unknown Error";
}

EXPORTED Return nvmlSystemGetDriverVersion(char *text, U size) {
    hold();
    if (!opened) return leave(UNINITIALIZED);
    snprintf(text, size, "999.99-sim");
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetCount_v2(U *count) {
    hold();
    if (!opened) return leave(UNINITIALIZED);
    *count = state->count;
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetHandleByIndex_v2(U gpu, Handle *handle) {
    *handle = (Handle)((uintptr_t)gpu + 1);
    ENTER(*handle);
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetHandleByUUID(const char *asked, Handle *handle) {
    char own[64];
    for (U gpu = 0; gpu < MAX_GPUS; gpu++) {
        write_uuid(gpu, own, sizeof own);
        if (strcmp(own, asked)) continue;
        Return result = nvmlDeviceGetHandleByIndex_v2(gpu, handle);
        return result == INVALID_ARGUMENT ? NOT_FOUND : result;
    }
    return NOT_FOUND;
}

/* ---- what a card is ---- */

EXPORTED Return nvmlDeviceGetName(Handle h, char *text, U size) {
    ENTER(h);
    snprintf(text, size, "Simulated H200");
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetUUID(Handle h, char *text, U size) {
    ENTER(h);
    write_uuid((U)(uintptr_t)h - 1, text, size);
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetMigMode(Handle h, U *current, U *pending) {
    ENTER(h);
    if (card->set[MIG] <= 0) return leave(NOT_SUPPORTED);
    *current = *pending = 1;
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetC2cModeInfoV(Handle h, void *answer) {
    (void)answer;
    ENTER(h);
    return leave(NOT_SUPPORTED);
}

ANSWER(nvmlDeviceGetIndex, U, (uintptr_t)h - 1)
ANSWER(nvmlDeviceGetArchitecture, U, card->set[ARCHITECTURE])

/* ---- energy and power ---- */

/* Sleeps as long as a slow card takes to answer, without keeping others waiting. */
static Return wait_for(Handle h) {
    ENTER(h);
    double seconds = card->set[DELAY];
    let_go();
    struct timespec pause = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
    if (seconds > 0) nanosleep(&pause, NULL);
    return SUCCESS;
}

EXPORTED Return nvmlDeviceGetTotalEnergyConsumption(Handle h, U64 *millijoules) {
    Return lost = wait_for(h);
    if (lost) return lost;
    ENTER(h);
    if (card->set[NO_COUNTER] > 0) return leave(NOT_SUPPORTED);
    if (card->set[FORBIDDEN] > 0) return leave(NO_PERMISSION);
    *millijoules = (U64)(counter_j(card) * 1000);
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetPowerUsage(Handle h, U *milliwatts) {
    Return lost = wait_for(h);
    if (lost) return lost;
    ENTER(h);
    if (card->set[NO_SENSOR] > 0) return leave(NOT_SUPPORTED);
    *milliwatts = sensor_mw(card);
    return leave(SUCCESS);
}

typedef struct {
    U field, scope;
    int64_t timestamp_us, latency_us;
    U type;
    Return result;
    union {
        double number;
        U unsigned_int;
        U64 widest;
    } value;
} FieldValue;

EXPORTED Return nvmlDeviceGetFieldValues(Handle h, int count, FieldValue *fields) {
    Return lost = wait_for(h);
    if (lost) return lost;
    ENTER(h);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    for (FieldValue *f = fields; f < fields + count; f++) {
        int is_power = f->field == FIELD_POWER_AVERAGE || f->field == FIELD_POWER_INSTANT;
        f->timestamp_us = t.tv_sec * 1000000LL + t.tv_nsec / 1000;
        f->latency_us = 0;
        f->type = VALUE_UNSIGNED_INT;
        f->result = is_power && f->scope == SCOPE_GPU && card->set[NO_SENSOR] <= 0 ? SUCCESS : NOT_SUPPORTED;
        f->value.widest = 0;
        if (f->result == SUCCESS) f->value.unsigned_int = sensor_mw(card);
    }
    return leave(SUCCESS);
}

EXPORTED Return nvmlDeviceGetPowerManagementLimitConstraints(Handle h, U *lowest, U *highest) {
    ENTER(h);
    *lowest = milli(card->set[MIN_LIMIT]);
    *highest = milli(card->set[MAX_LIMIT]);
    return leave(SUCCESS);
}

ANSWER(nvmlDeviceGetPowerManagementLimit, U, milli(card->set[LIMIT]))
ANSWER(nvmlDeviceGetEnforcedPowerLimit, U, milli(card->set[LIMIT]))
ANSWER(nvmlDeviceGetPowerManagementDefaultLimit, U, milli(card->set[DEFAULT_LIMIT]))
