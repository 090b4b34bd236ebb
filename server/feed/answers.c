#include "feed/answers.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

#define DRAFT_BYTES_KEPT 65536 /* a draft that grew beyond it gives its memory back */

struct message {
    struct list node;
    size_t count;
    uint8_t bytes[];
};

void answers_draft_init(struct buffer *draft)
{
    buffer_init(draft, ANSWER_BYTES_MAX);
}

void answers_init(struct answers *answers, struct buffer *draft)
{
    *answers = (struct answers){.draft = draft};
    list_init(&answers->messages);
}

void answers_deinit(struct answers *answers)
{
    struct list *node;
    while ((node = list_take_first(&answers->messages)) != NULL)
        mem_free(CONTAINER_OF(node, struct message, node));
}

struct buffer *answers_draft(struct answers *answers)
{
    buffer_clear(answers->draft);
    return answers->draft;
}

void answers_commit(struct answers *answers)
{
    ASSERT(!answers->draft->failed); /* every answer has its own bound, far below */
    size_t count = answers->draft->count;
    struct message *message = mem_alloc(sizeof *message + count);
    list_init(&message->node);
    message->count = count;
    memcpy(message->bytes, answers->draft->bytes, count);
    list_append(&answers->messages, &message->node);
    answers->count++;
    answers->bytes += count;
    if (answers->draft->capacity > DRAFT_BYTES_KEPT)
        buffer_deinit(answers->draft);
}

bool answers_take(struct answers *answers, struct buffer *out)
{
    struct list *node = list_take_first(&answers->messages);
    if (node == NULL)
        return false;
    struct message *message = CONTAINER_OF(node, struct message, node);
    buffer_append(out, message->bytes, message->count);
    answers->count--;
    answers->bytes -= message->count;
    mem_free(message);
    return true;
}
