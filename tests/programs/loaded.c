/* The library of loader.c. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>

void *its_connect(void) { return (void *)connect; }

void *next_connect(void) { return dlsym(RTLD_NEXT, "connect"); }

/* It knows the way there: its RUNPATH. */
void *load_inner(void)
{
    void *volatile inner = dlopen("inner.so", RTLD_NOW);
    return inner;
}

/* A name of libc's. */
int rresvport(void) { return 42; }
