/* Leaves socket calls out of a handler, by siglongjmp(3), which is how programs without poll(2) bound their waits, by pthread_exit(3),
   and by closing the descriptor. Seen alike on every kernel: nothing of the call stays behind. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>
#include "connection.h"

static sigjmp_buf out;
static char big[1 << 22];
#include "waits.h"

static long by_recv_all(void) { return recv(near, big, 16, MSG_WAITALL); }
static long by_send(void)
{
    for (;;) if (send(near, big, sizeof big, 0) < 0) return -1;
}

static const struct call { const char *name; long (*by)(void); } calls[] = {
    {"recv", by_recv}, {"recv MSG_WAITALL", by_recv_all}, {"send", by_send}, {"accept", by_accept}, {"poll", by_poll},
    {"poll of both kinds", by_poll_of_both_kinds}, {"select", by_select}, {"epoll_wait", by_epoll_wait},
};

static void jumps(int signal) { siglongjmp(out, 1); }
static void returns(int signal) {}
static void closes(int signal) { close(near); near = -1; }

static void alarm_with(void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    struct itimerval soon = {.it_value.tv_usec = 30000};
    sigaction(SIGALRM, &action, 0);
    setitimer(ITIMER_REAL, &soon, 0);
}

/* What the peer sees of the last close, and whether the listener's port is free. */
static void say_what_is_left(const char *how, const char *name)
{
    int again = socket(AF_INET, SOCK_STREAM, 0);
    long seen;
    close(near);
    do seen = recv(far, big, sizeof big, 0); while (seen > 0);
    close(listener);
    close(far);
    printf("%s %s: the peer sees %ld %s, bind %d\n", how, name, seen, seen ? strerrorname_np(errno) : "",
           bind(again, (struct sockaddr *)&at, sizeof at) ? -1 : 0);
    close(again);
}

static void jump_out_of(const struct call *call, int flags)
{
    connect_both();
    if (!sigsetjmp(out, 1)) {
        alarm_with(jumps, flags);
        call->by();
        printf("%s returned\n", call->name);
    }
    say_what_is_left(flags ? "restarting," : "jumped out of", call->name);
}

/* The call that begins anew finds no socket. */
static void closed_by_the_handler(void)
{
    connect_both();
    alarm_with(closes, SA_RESTART);
    long result = by_recv();
    printf("closed in the handler: %ld %s\n", result, strerrorname_np(errno));
    say_what_is_left("closed in", "recv");
}

static void goes_on(void)
{
    connect_both();
    alarm_with(returns, SA_RESTART);
    struct timeval wait = {.tv_usec = 120000};
    setsockopt(near, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    long result = by_recv();
    printf("with a timeout: %ld %s\n", result, strerrorname_np(errno));
    say_what_is_left("a timeout of", "recv");
}

static void ends(int signal) { pthread_exit((void *)7); }
static void cleaned_up(void *what) { printf("%s: cleaned up\n", (const char *)what); }

static void *receives(void *unused)
{
    pthread_cleanup_push(cleaned_up, "recv");
    by_recv();
    pthread_cleanup_pop(0);
    return 0;
}

static void ends_the_thread(void)
{
    pthread_t thread;
    void *result = 0;
    connect_both();
    signal(SIGUSR1, ends);
    pthread_create(&thread, 0, receives, 0);
    usleep(50000);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, &result);
    printf("pthread_exit in the handler: %ld\n", (long)result);
    say_what_is_left("ended in", "recv");
}

static int came[8], times;

static void notes(int signal, siginfo_t *info, void *context)
{
    if (times < 8) came[times] = info->si_value.sival_int;
    times++;
}

/* Handlers that run once, and several signals for one call. */
static void counts(const char *how, int number, int signals, int flags)
{
    struct sigaction action = {.sa_sigaction = notes, .sa_flags = flags | SA_SIGINFO};
    pthread_t thread;
    void *result;
    connect_both();
    times = 0;
    sigaction(number, &action, 0);
    pthread_create(&thread, 0, receives, 0);
    usleep(50000);
    for (int i = 0; i < signals; i++) pthread_sigqueue(thread, number, (union sigval){.sival_int = i + 1});
    usleep(50000);
    send(far, "x", 1, 0);
    pthread_join(thread, &result);
    sigaction(number, 0, &action);
    printf("%s: ran %d, %d%d%d%d, the default %d\n", how, times, came[0], came[1], came[2], came[3],
           action.sa_handler == SIG_DFL);
    say_what_is_left(how, "recv");
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
        jump_out_of(calls + i, 0);
        jump_out_of(calls + i, SA_RESTART);
    }
    closed_by_the_handler();
    goes_on();
    ends_the_thread();
    counts("once", SIGUSR2, 1, SA_RESETHAND);
    counts("once, restarting", SIGUSR2, 1, SA_RESETHAND | SA_RESTART);
    counts("in order", SIGRTMIN, 4, SA_RESTART);
    /* As often as a program that bounds each wait so. */
    connect_both();
    for (volatile int i = 0; i < 20; i++)
        if (!sigsetjmp(out, 1)) {
            alarm_with(jumps, SA_RESTART);
            by_recv();
        }
    say_what_is_left("twenty times", "recv");
    return 0;
}
