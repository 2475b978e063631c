/* The program ends with its last thread: the main thread has gone before, by pthread_exit(3); the last one goes by exit(2). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

/* A program whose threads go past libc. */
static void *past_libc(void *unused)
{
    usleep(50000);
    syscall(SYS_exit, 4);
    return unused;
}

static int alone(void)
{
    pthread_t thread;
    socket(AF_INET, SOCK_STREAM, 0);
    pthread_create(&thread, 0, past_libc, 0);
    syscall(SYS_exit, 3);
    return 0;
}

int main(void)
{
    int status;
    fflush(stdout);
    if (fork() == 0) return alone();
    wait(&status);
    printf("exit(2): %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    static pthread_t main_thread;
    pthread_t thread;
    main_thread = pthread_self();
    atexit(leave);
    printf("the main thread has a socket: %d\n", socket(AF_INET, SOCK_STREAM, 0) >= 0);
    pthread_create(&thread, 0, last, &main_thread);
    pthread_exit(0);
}
