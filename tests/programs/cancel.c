/* Cancels threads that are in socket calls, and says what became of them (pthread_cancel(3), pthreads(7)). Seen alike on every kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static int near, far, listener, cleaned;
static char big[1 << 23];

static long by_recv(void) { return recv(near, big, 16, 0); }
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
static long by_accept(void) { return accept(listener, 0, 0); }
static long by_poll(void)
{
    struct pollfd fds[2] = {{near, POLLIN, 0}, {0, 0, 0}};
    return poll(fds, 1, -1);
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

static const struct { const char *name; long (*call)(void); } CALLS[] = {
    {"recv", by_recv}, {"read", by_read}, {"recvmsg", by_recvmsg}, {"send", by_send}, {"accept", by_accept},
    {"poll", by_poll}, {"poll of both kinds", by_poll_of_both_kinds}, {"select", by_select}, {"epoll_wait", by_epoll_wait},
    {"recv of AF_UNIX", by_recv_of_unix}, {"epoll_wait of a pipe", by_epoll_wait_of_a_pipe},
};

static enum how { DEFERRED, ASYNCHRONOUS, BEFORE, DISABLED, HOWS } how;
static const char *const NAMES[] = {"asleep", "asleep, asynchronous", "before the call", "disabled"};
static long (*call)(void);
static pthread_barrier_t begun;

static void clean_up(void *unused) { (void)unused; cleaned++; }

static void *thread(void *unused)
{
    (void)unused;
    long result;
    int old;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    pthread_barrier_wait(&begun);
    if (how == BEFORE) pthread_barrier_wait(&begun);
    pthread_cleanup_push(clean_up, 0);
    if (how == ASYNCHRONOUS) pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    if (how != DISABLED) pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    result = call();
    pthread_cleanup_pop(0);
    return (void *)result;
}

static void connect_both(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof name;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (void *)&name, len);
    getsockname(listener, (void *)&name, &len);
    listen(listener, 5);
    near = socket(AF_INET, SOCK_STREAM, 0);
    connect(near, (void *)&name, len);
    far = accept(listener, 0, 0);
}

static void try(int which)
{
    pthread_t one;
    void *result;
    connect_both();
    call = CALLS[which].call;
    cleaned = 0;
    pthread_barrier_init(&begun, 0, 2);
    pthread_create(&one, 0, thread, 0);
    pthread_barrier_wait(&begun);
    if (how != BEFORE) usleep(60000);
    pthread_cancel(one);
    if (how == BEFORE) pthread_barrier_wait(&begun);
    if (how == DISABLED) {
        usleep(60000);
        send(far, "x", 1, 0);
    }
    pthread_join(one, &result);
    printf("%s, %s: ", CALLS[which].name, NAMES[how]);
    if (result == PTHREAD_CANCELED) printf("ended, %d cleaned up", cleaned);
    else printf("gave %ld", (long)result);
    /* Nobody holds the socket any more: the peer sees its end (after what was sent). */
    close(near);
    close(listener);
    long got;
    while ((got = recv(far, big, sizeof big, MSG_DONTWAIT)) > 0 || (got < 0 && errno == EAGAIN)) {}
    printf(", then %ld\n", got);
    close(far);
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    alarm(50);
    for (int which = 0; which < (int)(sizeof CALLS / sizeof *CALLS); which++)
        for (how = DEFERRED; how < HOWS; how++) {
            int waits_for_another = CALLS[which].call == by_send || CALLS[which].call == by_accept || which > 8;
            if (how != DISABLED || !waits_for_another) try(which);
        }
    return 0;
}
