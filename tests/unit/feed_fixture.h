/*
 * What tests of the feed share: one lane over a fake source with symbol A (ten ticks without a
 * trade), and one client in JSON. Clocks and data move only when a test says so.
 */
#ifndef TAPEDECK_TESTS_FEED_FIXTURE_H
#define TAPEDECK_TESTS_FEED_FIXTURE_H

#include "feed/feed.h"

#include "fake_operations.h"
#include "fake_source.h"
#include "support/wire_message.h"
#include "wire/codes.h"

#include <criterion/criterion.h>

#define S TIME_SECOND_US
#define GRAIN (64 * S)

extern struct fake_source fake;
extern struct fake_tape *ticks; /* of symbol A */
extern struct tape *tape;
extern struct inbox inbox;
extern struct wheel wheel;
extern struct feed_lane lane;
extern struct feed *feed;
extern struct buffer out;
extern struct now now;
extern size_t wakes;
extern json_t *heard; /* the last message */

/* Of a lane that watches its database: set it before feed_set_up. A second of live/ is
 * WATCH_SECOND_US, of the real clock. */
extern bool is_watching;
extern struct fake_operations database;
#define WATCH_SECOND_US 20000

void feed_set_up(void);
void feed_tear_down(void);
extern const struct feed_peer feed_peer; /* who has proven nothing */
/* What a feed calls when it has something: counts. */
void feed_wake(void *owner);

/* Answers the request for the list of symbols; live_symbols_refresh asks for another. */
void publish_symbols(void);
/* The welcome, and the first list of symbols. */
void meet(void);

/* A request of the client: JSON with ' for ". */
void ask(const char *request);
/* The next message to the client, into `heard`. */
enum status hear(void);
/* It must be of this kind. */
void check_heard(const char *ev);
/* It is refused with this code and a sentence. */
void check_refused(const char *request, const char *code);
/* A text of the last message, "" when it has none. */
const char *text(const char *key);
/* An integer of the last message. */
int64_t number(const char *key);

/* Does all that has been asked of the source. */
void serve(void);
/* The same at the start of the data: what play begins with, and then the picture before it. */
void serve_start(void);
/* Both clocks go on, and timers fire. */
void pass(int64_t wait_us);

#endif
