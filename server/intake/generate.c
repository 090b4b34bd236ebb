#include "intake/generate.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/symbol.h"
#include "market/time.h"

#include <string.h>

/* Prices walk in 1/65536 of a tick; probabilities and activities are in 1/1024. */
#define FINE INT64_C(65536)
#define UNIT INT64_C(1024)

#define TRADE_CHANCE 410        /* of a row to carry a trade: 40 % */
#define STORM_BEGIN_ONE_IN 8192 /* rows */
#define STORM_END_ONE_IN 1024
#define STORM_FACTOR 3     /* volatility within a storm */
#define REVERSION_DAYS 20  /* how slowly prices return to where they began */
#define SIGMA_TIMES_MAX 16 /* volatility never exceeds this many times the usual */
#define SIGMA_MIN 64
#define PRICE_RANGE 4 /* times and parts of the start price */
#define PRICE_TICKS_MIN 64
#define ROWS_MAX INT64_C(1000000000000000) /* of all symbols: far from what a counter holds */

__extension__ typedef unsigned __int128 uint128;

struct xoshiro {
    uint64_t state[4];
};

/* What kind of thing a symbol is: mantissas at exp 8, and the daily volatility in 1/10000. */
struct kind {
    const char *in_name;
    int64_t price;
    int64_t tick;
    int64_t lot;
    int64_t volatility;
};

struct walk {
    char symbol[SYMBOL_BYTES_MAX + 1];
    struct xoshiro random;
    int64_t tick; /* mantissa at exp 8 */
    int64_t lot;
    int64_t price; /* fine */
    int64_t start;
    int64_t low;
    int64_t high;
    int64_t sigma; /* fine, of one step */
    int64_t sigma_usual;
    bool storm;
};

struct generator {
    struct walk *walks;
    size_t walk_count;
    size_t next_walk;
    int64_t from;
    int64_t every_us;
    int64_t steps; /* rows of each symbol */
    int64_t step;
    int64_t reversion; /* steps */
    enum generate_shape shape;
};

/* Sebastiano Vigna's splitmix64, to spread a seed. */
static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

/* David Blackman's and Sebastiano Vigna's xoshiro256**. */
static uint64_t random_next(struct xoshiro *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* 0 … limit − 1, by the upper half of a 32 × 32 bit product. */
static int64_t random_below(struct xoshiro *random, uint32_t limit)
{
    return (int64_t)((random_next(random) >> 32) * limit >> 32);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t square_root(uint64_t value)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1)
        if ((root | bit) * (root | bit) <= value)
            root |= bit;
    return root;
}

static struct kind kind_of(const char *symbol, struct xoshiro *random)
{
    static const struct kind kinds[] = {
        {"BTC", 60000 * DECIMAL_ONE, DECIMAL_ONE / 10, DECIMAL_ONE / 1000, 250},
        {"ETH", 2700 * DECIMAL_ONE, DECIMAL_ONE / 100, DECIMAL_ONE / 100, 300},
        {"USDT", 140 * DECIMAL_ONE, DECIMAL_ONE / 100, DECIMAL_ONE / 100, 350},
        {"JPY", 150 * DECIMAL_ONE, DECIMAL_ONE / 1000, 10000 * DECIMAL_ONE, 60},
        {"USD", 110 * DECIMAL_ONE / 100, DECIMAL_ONE / 100000, 10000 * DECIMAL_ONE, 50},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strstr(symbol, kinds[i].in_name) != NULL)
            return kinds[i];
    struct kind share = {.tick = DECIMAL_ONE / 100, .lot = 100 * DECIMAL_ONE, .volatility = 150};
    share.price = (20 + random_below(random, 480)) * DECIMAL_ONE;
    return share;
}

/* The usual volatility of one step: that of a day, shrunk by the root of time. */
static int64_t sigma_of(const struct kind *kind, int64_t every_us)
{
    uint64_t ticks = (uint64_t)(kind->price / kind->tick);
    uint128 day = (uint128)ticks * (uint64_t)FINE * (uint64_t)kind->volatility / 10000;
    uint128 sigma = day * square_root((uint64_t)every_us << 20) / square_root(TIME_DAY_US) / 1024;
    return (int64_t)sigma > SIGMA_MIN ? (int64_t)sigma : SIGMA_MIN;
}

static void walk_init(struct walk *walk, const char *symbol, const struct generate_options *options,
                      int64_t every_us)
{
    uint64_t spread = options->seed ^ hash_of(symbol);
    for (size_t i = 0; i < 4; i++)
        walk->random.state[i] = splitmix(&spread);
    memcpy(walk->symbol, symbol, strlen(symbol) + 1);
    struct kind kind = kind_of(symbol, &walk->random);
    walk->tick = kind.tick;
    walk->lot = kind.lot;
    walk->start = kind.price / kind.tick * FINE;
    walk->price = walk->start;
    walk->low = walk->start / PRICE_RANGE;
    walk->high = walk->start * PRICE_RANGE;
    ASSERT(walk->low >= PRICE_TICKS_MIN * FINE);
    walk->sigma_usual = sigma_of(&kind, every_us);
    walk->sigma = walk->sigma_usual;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/*
 * One step of the walk; returns its direction. The shock is 64 coins (a bell of deviation 4), and
 * the volatility follows the shocks: sigma' = 2 % usual + 10 % |shock| + 90 % sigma.
 */
static int64_t walk_step(struct walk *walk, int64_t activity, int64_t reversion, bool always_storm)
{
    uint32_t one_in = walk->storm ? STORM_END_ONE_IN : STORM_BEGIN_ONE_IN;
    if (random_below(&walk->random, one_in) == 0)
        walk->storm = !walk->storm;
    int64_t z = __builtin_popcountll(random_next(&walk->random)) - 32;
    int64_t shock = walk->sigma * z / 4;
    int64_t pull = (walk->price - walk->start) / reversion;
    int64_t moved = walk->price + shock * activity / UNIT - pull;
    walk->price = clamp(moved, walk->low, walk->high);

    int64_t usual = walk->sigma_usual * (walk->storm || always_storm ? STORM_FACTOR : 1);
    int64_t sigma = (21 * usual + 102 * (shock < 0 ? -shock : shock) + 922 * walk->sigma) / UNIT;
    walk->sigma = clamp(sigma, walk->sigma_usual / 4, walk->sigma_usual * SIGMA_TIMES_MAX);
    return z;
}

static void quote(struct walk *walk, int64_t fields[TICK_FIELDS])
{
    int64_t excess = walk->sigma / walk->sigma_usual - 1;
    int64_t spread = 1 + (excess > 0 ? excess : 0) + (random_below(&walk->random, 16) == 0);
    int64_t bid = walk->price / FINE - spread / 2;
    ASSERT(bid > 0);
    fields[TICK_BID] = bid * walk->tick;
    fields[TICK_ASK] = (bid + spread) * walk->tick;
}

/* A trade, mostly at the side the price moves to; sizes halve in number as they double. */
static void trade(struct walk *walk, int64_t direction, int64_t activity,
                  int64_t fields[TICK_FIELDS])
{
    if (random_below(&walk->random, (uint32_t)UNIT) >= TRADE_CHANCE)
        return;
    bool along = random_below(&walk->random, 4) > 0;
    bool at_ask = direction == 0 ? random_below(&walk->random, 2) == 0 : (direction > 0) == along;
    uint64_t coins = random_next(&walk->random) | UINT64_C(1) << 6;
    int64_t lots = (1 + random_below(&walk->random, 10)) << __builtin_ctzll(coins);
    lots = lots * activity / UNIT;
    fields[TICK_LAST] = fields[at_ask ? TICK_ASK : TICK_BID];
    fields[TICK_VOLUME] = (lots > 0 ? lots : 1) * walk->lot;
}

/* In 1/1024: 512 at noon, 2048 at midnight, 1024 on average. */
static int64_t activity_of(enum generate_shape shape, int64_t time)
{
    if (shape != GENERATE_DAY)
        return UNIT;
    int64_t second = (time % TIME_DAY_US + TIME_DAY_US) % TIME_DAY_US / TIME_SECOND_US;
    int64_t half = TIME_DAY_US / TIME_SECOND_US / 2;
    int64_t from_noon = second - half;
    return UNIT / 2 + 3 * UNIT / 2 * from_noon * from_noon / (half * half);
}

static enum status times_check(const struct generate_options *options, int64_t every_us,
                               struct error *error)
{
    if (options->from < TIME_MIN || options->to > TIME_MAX || options->from > options->to)
        return error_set(error, STATUS_INVALID,
                         "ticks are generated from a time to a later one, in the years 1 to 9999");
    if (every_us < 1 || every_us > TIME_DAY_US)
        return error_set(error, STATUS_INVALID,
                         "ticks are generated every 1 µs to 1 day, not every %lld µs",
                         (long long)every_us);
    if ((options->to - options->from) / every_us > ROWS_MAX / GENERATE_SYMBOLS_MAX)
        return error_set(error, STATUS_INVALID, "that is too long a time for a row every %lld µs",
                         (long long)every_us);
    return STATUS_OK;
}

static enum status symbols_check(const struct generate_options *options, struct error *error)
{
    if (options->symbol_count < 1 || options->symbol_count > GENERATE_SYMBOLS_MAX)
        return error_set(error, STATUS_INVALID, "ticks are generated for 1 to %d symbols, not %zu",
                         GENERATE_SYMBOLS_MAX, options->symbol_count);
    for (size_t i = 0; i < options->symbol_count; i++) {
        const char *symbol = options->symbols[i];
        enum status status = symbol_check(symbol, strlen(symbol), error);
        if (status != STATUS_OK)
            return status;
        for (size_t j = 0; j < i; j++)
            if (strcmp(options->symbols[j], symbol) == 0)
                return error_set(error, STATUS_INVALID, "the symbol %s is there twice", symbol);
    }
    return STATUS_OK;
}

enum status generate_create(const struct generate_options *options, struct generator **generator,
                            struct error *error)
{
    int64_t every_us = options->every_us == 0 ? GENERATE_EVERY_US_DEFAULT : options->every_us;
    enum status status = times_check(options, every_us, error);
    if (status == STATUS_OK)
        status = symbols_check(options, error);
    if (status != STATUS_OK)
        return status;
    struct generator *created = MEM_NEW(struct generator);
    created->from = options->from;
    created->every_us = every_us;
    created->steps = (options->to - options->from) / every_us;
    int64_t steps_per_day = TIME_DAY_US / every_us;
    created->reversion = REVERSION_DAYS * steps_per_day;
    created->shape = options->shape;
    created->walk_count = options->symbol_count;
    created->walks = mem_alloc_zeroed(options->symbol_count * sizeof *created->walks);
    for (size_t i = 0; i < options->symbol_count; i++)
        walk_init(&created->walks[i], options->symbols[i], options, every_us);
    *generator = created;
    return STATUS_OK;
}

void generate_destroy(struct generator **generator)
{
    struct generator *closed = *generator;
    *generator = NULL;
    if (closed == NULL)
        return;
    mem_free(closed->walks);
    mem_free(closed);
}

enum status generate_next(struct generator *generator, struct intake_row *row)
{
    if (generator->step == generator->steps)
        return STATUS_END;
    struct walk *walk = &generator->walks[generator->next_walk];
    int64_t time = generator->from + generator->step * generator->every_us;
    int64_t activity = activity_of(generator->shape, time);
    *row = (struct intake_row){
        .line =
            generator->step * (int64_t)generator->walk_count + (int64_t)generator->next_walk + 1,
        .time = time,
        .symbol = walk->symbol,
        .symbol_id = (uint32_t)generator->next_walk,
        .fields = {[TICK_LAST] = DECIMAL_NULL, [TICK_VOLUME] = DECIMAL_NULL},
        .source = "generated",
    };
    int64_t direction =
        walk_step(walk, activity, generator->reversion, generator->shape == GENERATE_STORM);
    quote(walk, row->fields);
    trade(walk, direction, activity, row->fields);
    if (++generator->next_walk == generator->walk_count) {
        generator->next_walk = 0;
        generator->step++;
    }
    return STATUS_OK;
}

int64_t generate_row_count(const struct generator *generator)
{
    return generator->steps * (int64_t)generator->walk_count;
}

enum status generate_shape_parse(const char *name, enum generate_shape *shape, struct error *error)
{
    static const char *const names[] = {
        [GENERATE_DAY] = "day", [GENERATE_FLAT] = "flat", [GENERATE_STORM] = "storm"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *shape = (enum generate_shape)i;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_INVALID, "a shape is day, flat or storm, not \"%.40s\"", name);
}
