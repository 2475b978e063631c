/* The program ends with its last thread: the main thread has gone before, by pthread_exit(3). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void leave(void)
{
    printf("exit handlers run\n");
}

static void *last(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, 0);
    printf("the last thread has a socket: %d\n", socket(AF_INET, SOCK_DGRAM, 0) >= 0);
    return 0;
}

int main(void)
{
    static pthread_t main_thread;
    pthread_t thread;
    main_thread = pthread_self();
    atexit(leave);
    printf("the main thread has a socket: %d\n", socket(AF_INET, SOCK_STREAM, 0) >= 0);
    pthread_create(&thread, 0, last, &main_thread);
    pthread_exit(0);
}
