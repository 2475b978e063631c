/* A library whose constructor makes the first socket of the process: under the dynamic linker's lock, by itself or, with
   IN_A_THREAD, in a thread that it waits for. */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

static void *open_socket(void *unused) {
    printf("socket: %d\n", socket(AF_INET, SOCK_STREAM, 0) >= 0);
    fflush(stdout);
    return unused;
}

__attribute__((constructor)) static void begin(void) {
#ifdef IN_A_THREAD
    pthread_t thread;
    pthread_create(&thread, NULL, open_socket, NULL);
    pthread_join(thread, NULL);
#else
    open_socket(NULL);
#endif
}
