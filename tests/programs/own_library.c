/* mmap(2) as tcmalloc has it: by syscall(2). */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int calls;

int wrapped(void) { return calls; }

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    calls++;
    return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
}
