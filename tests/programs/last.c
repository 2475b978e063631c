/* The program ends with its last thread, and not before: by pthread_exit(3), or by exit(2) of each thread. */
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

static void *lives_on(void *unused)
{
    usleep(300000);
    _exit(5);
    return unused;
}

/* A child whose parent had a socket, with one of its own, goes on when one of its two threads ends. */
static int of_a_parent(void)
{
    pthread_t thread;
    socket(AF_INET, SOCK_STREAM, 0);
    pthread_create(&thread, 0, lives_on, 0);
    usleep(30000);
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
    fflush(stdout);
    usleep(20000);
    if (fork() == 0) return of_a_parent();
    wait(&status);
    printf("exit(2) of one of a child's threads: %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    pthread_create(&thread, 0, last, &main_thread);
    pthread_exit(0);
}
