/*
 * libFuzzer target: any bytes as a client's message in msgpack.
 */
#include "wire_readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    run_every_reader(WIRE_MSGPACK, bytes, count);
    return 0;
}
