#include "base/assert.h"

#include "base/log.h"

#include <stdlib.h>

_Noreturn void assert_failed(const char *condition, const char *file, int line,
                             const char *function)
{
    log_error("assert", "condition=%s at=%s:%d function=%s", LOG_QUOTE(condition), file, line,
              function);
    abort();
}
