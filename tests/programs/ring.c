/* Adds a socket to an epoll set as libuv does: by an io_uring that was made before the first socket, and without one by epoll_ctl(2). */
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "connection.h"

static int ring;
static struct io_uring_params how;

static void *mapped(size_t size, off_t offset) { return mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, offset); }

static int add_by_ring(int set, struct epoll_event *event)
{
    char *queue = mapped(how.sq_off.array + how.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mapped(how.sq_entries * sizeof *entries, IORING_OFF_SQES);
    if (queue == MAP_FAILED || entries == MAP_FAILED) return -1;
    entries[0] = (struct io_uring_sqe){
        .opcode = IORING_OP_EPOLL_CTL, .fd = set, .len = EPOLL_CTL_ADD, .off = far, .addr = (uintptr_t)event};
    *(unsigned *)(queue + how.sq_off.array) = 0;
    __atomic_store_n((unsigned *)(queue + how.sq_off.tail), 1, __ATOMIC_RELEASE);
    return syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) == 1 ? 0 : -1;
}

int main(void)
{
    int set = epoll_create1(0);
    ring = syscall(SYS_io_uring_setup, 4, &how);
    connect_both();
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
    int added = ring >= 0 ? add_by_ring(set, &event) : epoll_ctl(set, EPOLL_CTL_ADD, far, &event);
    send(near, "x", 1, 0);
    struct epoll_event came = {0};
    int count = epoll_wait(set, &came, 1, 1000);
    printf("added %d, then %d event of %llu\n", added, count, (unsigned long long)came.data.u64);
    return 0;
}
