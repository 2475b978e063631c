/* Calls on descriptors. */
#include "cancel.h"
#include "waits.h"

ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);

static long by_recvfrom_fortified(void)
{
    struct sockaddr_in name;
    socklen_t len = sizeof name;
    return __recvfrom_chk(near, big, 16, sizeof big, 0, (void *)&name, &len);
}
static long by_read(void) { return read(near, big, 16); }
static long by_recvmsg(void)
{
    struct iovec vector = {big, 16};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    return recvmsg(near, &header, 0);
}
static long by_send(void)
{
    long sent = send(near, big, sizeof big, 0);
    return sent < 0 ? sent : send(near, big, sizeof big, 0);
}
static long by_recv_of_unix(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return -3;
    return recv(ends[0], big, 1, 0);
}
static long by_epoll_wait_of_a_pipe(void)
{
    int ends[2], set = epoll_create1(0);
    if (pipe(ends)) return -3;
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event);
    return epoll_wait(set, &event, 1, -1);
}
static long by_splice_into_a_pipe(void)
{
    int ends[2];
    if (pipe(ends)) return -3;
    return splice(near, 0, ends[1], 0, 16, 0);
}
static long by_splice_into_a_full_pipe(void)
{
    int ends[2];
    if (pipe(ends)) return -3;
    fill(ends[1]);
    send(far, "x", 1, 0);
    return splice(near, 0, ends[1], 0, 16, 0);
}
static long by_splice_from_an_empty_pipe(void)
{
    int ends[2];
    if (pipe(ends)) return -3;
    return splice(ends[0], 0, near, 0, 16, 0);
}
static long by_splice_into_a_full_socket(void)
{
    int ends[2];
    if (pipe(ends) || write(ends[1], "x", 1) != 1) return -3;
    return splice(ends[0], 0, near, 0, 16, 0);
}
static void fill_near(void) { fill(near); }
static long by_dprintf(void) { return dprintf(near, "%d%s\n", 1, big); }
static void fill_near_and_have_text(void)
{
    fill(near);
    memset(big, 'x', 1000);
    big[1000] = 0;
}
static long by_close(void) { return close(near); }
static void linger(void)
{
    struct linger linger = {1, 1};
    setsockopt(near, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    fill(near);
}

#define UNANSWERED (ASLEEP | ASYNCHRONOUS | BEFORE)
#define ALL (UNANSWERED | DISABLED)
static const struct call CALLS[] = {
    {"recv", by_recv, ALL}, {"recvfrom, fortified", by_recvfrom_fortified, ALL}, {"read", by_read, ALL},
    {"recvmsg", by_recvmsg, ALL}, {"send", by_send, UNANSWERED}, {"accept", by_accept, UNANSWERED}, {"poll", by_poll, ALL},
    {"poll of both kinds", by_poll_of_both_kinds, ALL}, {"select", by_select, ALL}, {"epoll_wait", by_epoll_wait, ALL},
    {"recv of AF_UNIX", by_recv_of_unix, UNANSWERED}, {"epoll_wait of a pipe", by_epoll_wait_of_a_pipe, UNANSWERED},
    {"splice into a pipe", by_splice_into_a_pipe, ALL},
    {"splice into a full pipe", by_splice_into_a_full_pipe, UNANSWERED},
    {"splice from an empty pipe", by_splice_from_an_empty_pipe, UNANSWERED},
    {"splice into a full socket", by_splice_into_a_full_socket, UNANSWERED, fill_near},
    {"close", by_close, ALL},
    {"close that lingers", by_close, UNANSWERED, linger},
    {"dprintf", by_dprintf, ASLEEP | BEFORE, fill_near_and_have_text},
};

int main(void) { try_all(CALLS, sizeof CALLS / sizeof *CALLS); }
