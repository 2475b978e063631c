/* Calls on a connected stream that are about descriptors, streams and files, and what each gives. Seen alike on every kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEE(call) do { errno = 0; long gave = (long)(call); printf("%s: %ld %s\n", #call, gave, gave < 0 ? strerrorname_np(errno) : ""); } while (0)

static int a, b;
static char buf[4096];

static long came(void) { return recv(b, buf, sizeof buf, MSG_DONTWAIT); }

static void connect_both(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (void *)&name, len);
    getsockname(listener, (void *)&name, &len);
    listen(listener, 5);
    a = socket(AF_INET, SOCK_STREAM, 0);
    connect(a, (void *)&name, len);
    b = accept(listener, 0, 0);
    close(listener);
}

static void streams(void)
{
    char *line = 0;
    size_t space = 0;
    FILE *out = fdopen(dup(a), "w"), *in = fdopen(dup(b), "r");
    SEE(fprintf(out, "line %d\nsecond\nthird", 1));
    SEE(fflush(out));
    SEE(fgets(buf, 100, in) != 0);
    SEE(getline(&line, &space, in));
    SEE(getc(in));
    SEE(ungetc('T', in));
    SEE(fread(buf, 1, 5, in));
    SEE(fseek(in, 0, SEEK_SET));
    SEE(ftell(in));
    SEE(fclose(out));
    SEE(fclose(in));
    SEE(dprintf(a, "%s %d", "dprintf", 7));
    SEE(came());
    free(line);
}

static void files(void)
{
    int ends[2], file = memfd_create("file", 0);
    loff_t offset = 0;
    struct iovec word = {"word", 4}, space = {buf, sizeof buf};
    if (pipe2(ends, O_NONBLOCK) || write(file, "the file's content", 18) != 18) exit(1);
    SEE(splice(file, &offset, a, 0, 5, 0));
    SEE(splice(a, 0, b, 0, 5, 0));
    SEE(splice(ends[0], &offset, a, 0, 5, 0));
    SEE(splice(ends[0], 0, a, &offset, 5, 0));
    SEE(splice(a, &offset, ends[1], 0, 5, 0));
    SEE(tee(a, ends[1], 10, 0));
    SEE(tee(ends[0], a, 10, 0));
    SEE(vmsplice(a, &word, 1, 0));
    SEE(sendfile(a, file, &offset, 100));
    SEE(offset);
    SEE(came());
    SEE(sendfile(a, b, 0, 5));
    SEE(sendfile(a, ends[0], 0, 5));
    SEE(copy_file_range(file, 0, a, 0, 5, 0));
    SEE(copy_file_range(a, 0, file, 0, 5, 0));
    SEE(pread(a, buf, 5, 0));
    SEE(pwritev2(a, &word, 1, -1, 0));
    SEE(preadv2(b, &space, 1, -1, 0));
    SEE(pwritev2(a, &word, 1, 0, 0));
    SEE(pwritev2(a, &word, 1, -1, 0x4000));
    SEE(preadv2(b, &space, 1, -1, 0x4000));
    SEE(lseek(a, 0, SEEK_CUR));
    SEE(fsync(a));
    SEE(ftruncate(a, 0));
    SEE(isatty(a));
}

static void owners(void)
{
    int who = 0;
    SEE(ioctl(a, SIOCGPGRP, &who));
    SEE(who);
    who = getpid();
    SEE(ioctl(a, SIOCSPGRP, &who));
    SEE(fcntl(a, F_GETOWN) == getpid());
    who = 0;
    SEE(ioctl(a, FIOGETOWN, &who));
    SEE(who == getpid());
    who = -0x7ffffff;
    SEE(ioctl(a, FIOSETOWN, &who));
    SEE(fcntl(a, F_SETSIG, 100));
}

static void ranges(void)
{
    SEE(close_range(b, b, CLOSE_RANGE_CLOEXEC));
    SEE(fcntl(b, F_GETFD));
    SEE(close_range(b, b, 0));
    SEE(came());
    SEE(recv(a, buf, 1, 0));
    SEE(close_range(5, 4, 0));
    closefrom(3);
    SEE(send(a, "x", 1, 0));
}

int main(void)
{
    alarm(20);
    connect_both();
    streams();
    files();
    owners();
    ranges();
    return 0;
}
