#define _GNU_SOURCE
/* Little address space (RLIMIT_AS), and memory that is locked (mlockall(2)): connections take neither. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MIB = 1 << 20, MANY = 300, TEXT = 64 << 10 };

static struct sockaddr_in address;

/* Of /proc/self/statm: 0 is the address space, 1 what is resident; in bytes. */
static long taken(int field) {
    long pages[2] = {0, 0};
    FILE *statm = fopen("/proc/self/statm", "r");
    if (fscanf(statm, "%ld %ld", &pages[0], &pages[1]) != 2) abort();
    fclose(statm);
    return pages[field] * sysconf(_SC_PAGESIZE);
}

static int listener(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, 4096)) perror("listen");
    getsockname(fd, (struct sockaddr *)&address, &length);
    return fd;
}

/* Two ends of a connection; 0, or what connect(2) says. */
static int connection(int listener, int ends[2]) {
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (ends[0] < 0) return errno;
    if (connect(ends[0], (struct sockaddr *)&address, sizeof address)) return errno;
    ends[1] = accept(listener, NULL, NULL);
    return ends[1] < 0 ? errno : 0;
}

/* The bytes of `TEXT` that come to the other end; the sender waits only where nothing is under way. */
static int carried(const int ends[2]) {
    static char text[TEXT];
    int sent = 0, came = 0;
    while (came < TEXT) {
        int n = send(ends[0], text, TEXT - sent, MSG_DONTWAIT);
        if (n > 0) sent += n;
        if (came == sent) {
            /* All that has come is yet to be acknowledged. */
            struct pollfd room = {ends[0], POLLOUT, 0};
            if (poll(&room, 1, 5000) <= 0) break;
            continue;
        }
        n = recv(ends[1], text, sizeof text, 0);
        if (n <= 0) break;
        came += n;
    }
    return came;
}

static void limit(long more) {
    struct rlimit limit = {taken(0) + more, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit)) perror("setrlimit");
}

static void little_address_space(int listening) {
    static int ends[MANY][2];
    int made = 0, whole = 0;
    limit(48 * MIB);
    while (made < MANY && connection(listening, ends[made]) == 0) made++;
    for (int i = 0; i < made; i++) whole += carried(ends[i]) == TEXT;
    printf("RLIMIT_AS: %d connections, %d carry all\n", made, whole);
    for (int i = 0; i < made; i++) close(ends[i][0]), close(ends[i][1]);
    struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &none);
}

static void locked(int listening) {
    int ends[2];
    if (mlockall(MCL_FUTURE) == 0) {
        long before = taken(1);
        for (int i = 0; i < 100; i++) connection(listening, ends);
        printf("MCL_FUTURE: 100 connections take %s\n", taken(1) - before < 16 * MIB ? "little" : "much");
    }
}

/* rump alone: of no address space at all comes an error, and what is open goes on. */
static void none(int listening) {
    int first[2], next[2], error = 0;
    connection(listening, first);
    limit(0);
    /* The last room may go to others between SYN and ACK: then there is nothing to accept. */
    struct timeval second = {1, 0};
    setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    for (int i = 0; i < 2000 && (error == 0 || error == EAGAIN); i++) error = connection(listening, next);
    printf("connect: %s\n", strerrorname_np(error));
    printf("open: %d bytes\n", carried(first));
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct rlimit files = {8192, 8192};
    setrlimit(RLIMIT_NOFILE, &files);
    long before = taken(0);
    int listening = listener();
    printf("the first socket: %s\n", taken(0) - before < 24 * MIB ? "little" : "much");
    if (count > 1 && strcmp(arguments[1], "none") == 0) {
        none(listening);
        return 0;
    }
    little_address_space(listening);
    locked(listening);
    return 0;
}
