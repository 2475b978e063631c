/* A handler on an alternate stack of the old SIGSTKSZ, as crash reporters have it, uses sockets; below the stack is memory of the
   program's. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>
#include "connection.h"

static struct {
    char below[32 << 10], stack[8192];
} memory;
static int results[8], nested;

static void reports(int signal)
{
    char byte;
    if (nested++ == 0) raise(SIGUSR2);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    results[0] = connect(other, (struct sockaddr *)&at, sizeof at);
    results[1] = send(near, "report", 6, 0);
    results[2] = recv(near, &byte, 1, 0);
    results[3] = send(near, (void *)1, 6, 0) < 0 ? errno : 0;
    results[4] = shutdown(other, SHUT_WR);
    results[5] = close(other);
}

static void notes(int signal) { results[6]++; }

static int touched(void)
{
    int touched = 0;
    for (unsigned i = 0; i < sizeof memory.below; i++) touched += memory.below[i] != 0x55;
    return touched;
}

int main(void)
{
    stack_t stack = {.ss_sp = memory.stack, .ss_size = sizeof memory.stack};
    struct sigaction action = {.sa_handler = reports, .sa_flags = SA_ONSTACK};
    char text[16];
    connect_both();
    send(far, "xyz", 3, 0);

    memset(memory.below, 0x55, sizeof memory.below);
    sigaltstack(&stack, 0);
    sigaction(SIGUSR1, &action, 0);
    sigaction(SIGALRM, &action, 0);
    action.sa_handler = notes;
    sigaction(SIGUSR2, &action, 0);
    raise(SIGUSR1);
    printf("connect %d, send %d, recv %d, EFAULT %d, shutdown %d, close %d, touched %d\n", results[0], results[1],
           results[2], results[3] == EFAULT, results[4], results[5], touched());
    printf("the other handler ran %d\n", results[6]);

    struct itimerval soon = {.it_value.tv_usec = 30000};
    setitimer(ITIMER_REAL, &soon, 0);
    printf("recv %zd", recv(far, text, sizeof text, 0));
    printf(", recv %zd\n", recv(far, text, sizeof text, 0));
    printf("touched %d\n", touched());
    sigaltstack(0, &stack);
    printf("the stack is still there: %d, flags %d\n", stack.ss_sp == memory.stack, stack.ss_flags);
    return 0;
}
