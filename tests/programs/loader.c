/* Asks the dynamic linker for functions, in every way that it has: the answer is where the program's own calls go, and who asks is
   known. Seen alike on every kernel. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libgen.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __x86_64__
#define FIRST "GLIBC_2.2.5"
#else
#define FIRST "GLIBC_2.17"
#endif

#define FOUND(call) do { void *found = (void *)(call); printf("%s: %s\n", #call, !found ? "none" : found == (void *)connect ? "the program's" : "another"); } while (0)

static void *libc, *library;

/* What a function of the library gives. */
static void *call(const char *name) { return ((void *(*)(void))dlsym(library, name))(); }

static const char *home(void *address)
{
    Dl_info about;
    return dladdr(address, &about) ? basename((char *)about.dli_fname) : "nowhere";
}

/* In the way of another, as preloaded libraries are. */
int listen(int fd, int backlog)
{
    printf("listen, on the way\n");
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "listen"))(fd, backlog);
}

static void found(void)
{
    void *program = dlopen(0, RTLD_NOW);
    FOUND(call("its_connect"));
    FOUND(dlsym(libc, "connect"));
    FOUND(dlsym(library, "connect"));
    FOUND(dlsym(program, "connect"));
    FOUND(dlsym(RTLD_DEFAULT, "connect"));
    FOUND(dlvsym(libc, "connect", FIRST));
    FOUND(dlvsym(RTLD_DEFAULT, "connect", FIRST));
    FOUND(dlvsym(libc, "connect", "GLIBC_1.0"));
    FOUND(dlsym(libc, "getpid"));
    FOUND(dlsym(libc, "no_such_function"));
    const char *error = dlerror();
    printf("%s\n", error ? strrchr(error, ':') : "no error");
    printf("%s\n", dlerror() ? "another error" : "no other error");
    printf("next of the library: %s\n", home(call("next_connect")));
    printf("a function of the library's own: %d\n", ((int (*)(void))dlsym(library, "rresvport"))());
    printf("beside the library: %s\n", call("load_inner") ? "found" : dlerror());
    printf("in its own namespace: %s\n", dlmopen(LM_ID_NEWLM, "loaded.so", RTLD_NOW) ? "loaded" : dlerror());
}

/* A connection by functions that the dynamic linker has found. */
static void connection(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof name;
    int (*make)(int, int, int) = dlsym(libc, "socket");
    int (*reach)(int, const void *, socklen_t) = dlvsym(libc, "connect", FIRST);
    int listener = make(AF_INET, SOCK_STREAM, 0), client = make(AF_INET, SOCK_STREAM, 0);
    printf("bind: %d\n", bind(listener, (void *)&name, len));
    printf("listen: %d\n", listen(listener, 5));
    printf("getsockname: %d\n", getsockname(listener, (void *)&name, &len));
    printf("connect: %d\n", reach(client, &name, len));
}

int main(void)
{
    alarm(20);
    libc = dlopen("libc.so.6", RTLD_NOW);
    library = dlopen("loaded.so", RTLD_NOW | RTLD_DEEPBIND);
    if (!libc || !library) return printf("%s\n", dlerror()), 1;
    found();
    connection();
    return 0;
}
