/* Passes an epoll set from hand to hand within one process, by SCM_RIGHTS. */
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "connection.h"

static int ends[2];

static void pass(int fd)
{
    char control[CMSG_SPACE(sizeof fd)] = {0}, byte = 'x';
    struct iovec vector = {&byte, 1};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *message = CMSG_FIRSTHDR(&header);
    *message = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(message), &fd, sizeof fd);
    sendmsg(ends[0], &header, 0);
}

static int take(void)
{
    int fd = -1;
    char control[CMSG_SPACE(sizeof fd)], byte;
    struct iovec vector = {&byte, 1};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(ends[1], &header, 0) == 1) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof fd);
    return fd;
}

static int set_of(int fd, int events)
{
    int set = epoll_create1(0);
    struct epoll_event event = {.events = events, .data.u32 = 7};
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    return set;
}

static void look(const char *what, int set)
{
    struct epoll_event event = {0};
    int ready = epoll_wait(set, &event, 1, 100);
    printf("%s: %d of %u\n", what, ready, event.data.u32);
}

int main(void)
{
    int set, come, again;
    connect_both();
    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);

    set = set_of(near, EPOLLIN);
    pass(set);
    come = take();
    look("nothing yet", come);
    send(far, "x", 1, 0);
    look("the one that came", come);
    look("the first one", set);
    close(set);
    look("without the first one", come);
    pass(come);
    close(come);
    again = take();
    look("its first number closed", again);
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = 8};
    printf("EPOLL_CTL_MOD: %d\n", epoll_ctl(again, EPOLL_CTL_MOD, near, &event));
    look("modified", again);
    close(again);
    pass(set_of(near, EPOLLIN));
    pass(ends[0]);
    come = take();
    again = take();
    look("among others", come);
    printf("the other one is no set: %d\n", epoll_wait(again, &event, 1, 0));
    return 0;
}
