/* Uses sockets in the handlers of pthread_atfork(3), registered before the program's first socket. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "connection.h"


static void talk(const char *where)
{
    char byte = 0;
    int other = socket(AF_INET, SOCK_STREAM, 0);
    int result = connect(other, (struct sockaddr *)&at, sizeof at);
    printf("%s: connect %d", where, result);
    if (send(near, "x", 1, 0) == 1) printf(", recv %zd", recv(far, &byte, 1, 0));
    printf(" %c\n", byte ? byte : '-');
    close(other);
    fflush(stdout);
}

static void before(void) { talk("before"); }
static void after(void)
{
    wait(0);
    talk("after");
}
static void in_child(void)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int bound = bind(fd, (struct sockaddr *)&own, sizeof own);
    printf("in the child: bind %d, listen %d\n", bound, listen(fd, 1));
    fflush(stdout);
    close(fd);
}

int main(void)
{
    pthread_atfork(before, after, in_child);
    if (!fork()) _exit(0);
    connect_both();
    if (!fork()) _exit(0);
    printf("end\n");
    return 0;
}
