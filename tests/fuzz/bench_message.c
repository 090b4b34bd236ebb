/* What the load client reads: any message of a server, its symbols, and the check on a frame. */
#include "bench/verifier.h"
#include "market/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static struct message message;
    struct verifier verifier;
    struct error error;
    int64_t ticks;
    if (message_read(bytes, count, &message, &error) != STATUS_OK)
        return 0;
    struct reader symbols = message.symbols;
    for (size_t i = 0; i < message.symbol_count && !symbols.failed; i++)
        (void)message_take_symbol(&symbols);
    struct verifier_range range = {.symbol_count = 64, .from = TIME_MIN, .to = TIME_MAX};
    int direction = message.direction < 0 ? -1 : 1;
    verifier_init(&verifier, range, 0, direction, 61440);
    /* Taken at its word, so that a frame is read to its end. */
    verifier.epoch = message.epoch;
    verifier.seq = message.seq;
    verifier.edge = message.has_span ? message.span[direction > 0 ? 0 : 1] : 0;
    verifier.at = verifier.edge;
    enum status status = verifier_frame(&verifier, &message, count, &ticks, &error);
    if (status != STATUS_OK)
        status = verifier_ended(&verifier, &message, &error);
    (void)status;
    return 0;
}
