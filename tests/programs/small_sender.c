/* Sends 16 MiB to 10.9.0.1, port 7, from a thread with the smallest stack. */
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

static char text[1 << 20];

static void *sends(void *unused)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(0x0a090001)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at)) return "connect";
    for (int i = 0; i < 16; i++)
        if (send(fd, text, sizeof text, 0) != sizeof text) return "send";
    return 0;
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *failed;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    pthread_create(&thread, &attributes, sends, 0);
    pthread_join(thread, &failed);
    if (failed) perror(failed);
    return failed != 0;
}
