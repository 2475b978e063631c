/* A program with functions of its own that have names of libc's: what is called by number is the system call, not they. With the
   library of own_library.c, whose mmap(2) is such a call. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int shutdown(int socket, int how)
{
    printf("the program's own shutdown is called\n");
    return 7;
}

int wrapped(void);

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0), near, far;
    char byte;
    bind(listener, (struct sockaddr *)&at, len);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&at, &len);
    near = socket(AF_INET, SOCK_STREAM, 0);
    printf("connect: %ld\n", syscall(SYS_connect, near, &at, len));
    far = accept(listener, 0, 0);
    printf("shutdown by number: %ld\n", syscall(SYS_shutdown, near, SHUT_WR));
    printf("recv: %zd\n", recv(far, &byte, 1, 0));
    printf("shutdown: %d\n", shutdown(near, SHUT_RD));
    void *mapped = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("mmap: %d, wrapped: %d\n", mapped != MAP_FAILED, wrapped() > 0);
    printf("malloc: %d\n", malloc(1 << 24) != 0);
    return 0;
}
