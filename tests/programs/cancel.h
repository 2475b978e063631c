/* Cancels threads that are in a call, and says what became of them (pthread_cancel(3), pthreads(7)). Seen alike on every kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "connection.h"

/* How a thread is cancelled; of a call, the sum of all ways to try. */
enum how { ASLEEP = 1, ASYNCHRONOUS = 2, BEFORE = 4, DISABLED = 8 };
static enum how how;

struct call {
    const char *name;
    long (*call)(void);
    int ways;
    void (*prepare)(void);
};
static const struct call *current;

static int cleaned;
static FILE *stream; /* over `near`, where a call needs one */
static char big[1 << 23];
static pthread_barrier_t begun;

/* Calls in it that are cancellation points do not end the thread again. */
static void clean_up(void *unused)
{
    (void)unused;
    cleaned++;
    close(dup(2));
}

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
    result = current->call();
    pthread_cleanup_pop(0);
    return (void *)result;
}

/* Whether all that a connection has sent is acknowledged: what is left waits for the peer's window. */
static inline int waits_for_window(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) || info.tcpi_unacked == 0;
}

/* Until nothing more goes into it, and nothing is under way that would make room. */
static inline void fill(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    for (int quiet = 0; quiet < 3; usleep(1000))
        if (write(fd, big, sizeof big) < 0 && waits_for_window(fd)) quiet++;
        else quiet = 0;
    fcntl(fd, F_SETFL, flags);
}

static void try(const char *way)
{
    pthread_t one;
    void *result;
    connect_both();
    stream = 0;
    if (current->prepare) current->prepare();
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
    printf("%s, %s: ", current->name, way);
    if (result == PTHREAD_CANCELED) printf("ended, %d cleaned up", cleaned);
    else printf("gave %ld", (long)result);
    if (fcntl(near, F_GETFD) < 0) printf(", closed");
    /* Nobody holds the stream or the socket any more: the peer sees its end (after what was sent). */
    shutdown(near, SHUT_RDWR);
    if (stream) {
        printf(", lock %d", ftrylockfile(stream));
        fclose(stream);
    }
    close(near);
    close(listener);
    long got;
    while ((got = recv(far, big, sizeof big, MSG_DONTWAIT)) > 0 || (got < 0 && errno == EAGAIN)) {}
    printf(", then %ld\n", got);
    close(far);
}

static void try_all(const struct call *calls, size_t count)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    alarm(50);
    for (current = calls; current < calls + count; current++) {
        how = ASLEEP;
        if (current->ways & how) try("asleep");
        how = ASYNCHRONOUS;
        if (current->ways & how) try("asleep, asynchronous");
        how = BEFORE;
        if (current->ways & how) try("before the call");
        how = DISABLED;
        if (current->ways & how) try("disabled");
    }
    fflush(stdout);
    /* What dprintf(3) of glibc before 2.37 left behind, a flush at exit would stumble over. */
    _exit(0);
}
