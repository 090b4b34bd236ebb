/*
 * Why an HTTP request gets no for an answer: status, protocol error code and a sentence.
 * Constants, any thread.
 */
#ifndef TAPEDECK_NET_REFUSAL_H
#define TAPEDECK_NET_REFUSAL_H

struct refusal {
    unsigned http_status;
    const char *code; /* as in the protocol's errors */
    const char *message;
    const char *headers; /* more response headers, each ended by CR LF; NULL: none */
};

#endif
