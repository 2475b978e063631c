/* Calls that wait, on the connection of connection.h; who includes it has `big`, where bytes go. */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

static long by_recv(void) { return recv(near, big, 16, 0); }
static long by_accept(void) { return accept(listener, 0, 0); }
static long by_poll(void)
{
    struct pollfd fd = {near, POLLIN, 0};
    return poll(&fd, 1, -1);
}
static long by_poll_of_both_kinds(void)
{
    int ends[2];
    if (pipe(ends)) return -3;
    struct pollfd fds[2] = {{near, POLLIN, 0}, {ends[0], POLLIN, 0}};
    return poll(fds, 2, -1);
}
static long by_select(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(near, &set);
    return select(near + 1, &set, 0, 0, 0);
}
static long by_epoll_wait(void)
{
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(set, EPOLL_CTL_ADD, near, &event);
    return epoll_wait(set, &event, 1, -1);
}
