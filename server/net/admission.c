#include "net/admission.h"

#include "base/assert.h"
#include "base/mem.h"

struct resident {
    struct list node;
    struct address address;
    size_t count;
};

void admission_init(struct admission *admission, size_t total_max, size_t address_max)
{
    pthread_mutex_init(&admission->lock, NULL);
    admission->total_max = total_max;
    admission->address_max = address_max;
    admission->total = 0;
    for (size_t i = 0; i < ADMISSION_BUCKETS; i++)
        list_init(&admission->buckets[i]);
}

void admission_deinit(struct admission *admission)
{
    ASSERT(admission->total == 0);
    pthread_mutex_destroy(&admission->lock);
}

static struct list *bucket_of(struct admission *admission, const struct address *address)
{
    return &admission->buckets[address_place(address, ADMISSION_BUCKETS)];
}

static struct resident *find(struct list *bucket, const struct address *address)
{
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct resident *resident = CONTAINER_OF(node, struct resident, node);
        if (address_equals(&resident->address, address))
            return resident;
    }
    return NULL;
}

static struct resident *move_in(struct list *bucket, const struct address *address)
{
    struct resident *resident = MEM_NEW(struct resident);
    resident->address = *address;
    list_append(bucket, &resident->node);
    return resident;
}

static enum admission_verdict enter_locked(struct admission *admission,
                                           const struct address *address)
{
    if (admission->total >= admission->total_max)
        return REFUSED_TOTAL;
    struct list *bucket = bucket_of(admission, address);
    struct resident *resident = find(bucket, address);
    if (resident != NULL && admission->address_max > 0 && resident->count >= admission->address_max)
        return REFUSED_ADDRESS;
    if (resident == NULL)
        resident = move_in(bucket, address);
    resident->count++;
    admission->total++;
    return ADMITTED;
}

enum admission_verdict admission_enter(struct admission *admission, const struct address *address)
{
    pthread_mutex_lock(&admission->lock);
    enum admission_verdict verdict = enter_locked(admission, address);
    pthread_mutex_unlock(&admission->lock);
    return verdict;
}

void admission_leave(struct admission *admission, const struct address *address)
{
    pthread_mutex_lock(&admission->lock);
    struct resident *resident = find(bucket_of(admission, address), address);
    ASSERT(resident != NULL);
    ASSERT(admission->total > 0);
    admission->total--;
    if (--resident->count == 0) {
        list_remove(&resident->node);
        mem_free(resident);
    }
    pthread_mutex_unlock(&admission->lock);
}

size_t admission_total(struct admission *admission)
{
    pthread_mutex_lock(&admission->lock);
    size_t total = admission->total;
    pthread_mutex_unlock(&admission->lock);
    return total;
}
