/* A library whose constructor makes the first socket of the process: under the dynamic linker's lock. */
#include <stdio.h>
#include <sys/socket.h>

__attribute__((constructor)) static void begin(void) {
    printf("socket: %d\n", socket(AF_INET, SOCK_STREAM, 0) >= 0);
    fflush(stdout);
}
