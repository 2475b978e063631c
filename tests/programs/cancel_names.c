/* Names that a server is asked for, which does not answer. */
#include "cancel.h"
#include <netdb.h>
#include <resolv.h>

static const char NAME[] = "name.example";
static const unsigned char ADDRESS[4] = {192, 0, 2, 1};

/* The C library's way to the server, of this thread; a rump kernel has been told of its own. */
static void ask_us(void)
{
    res_init();
    _res.nscount = 1;
    _res.nsaddr_list[0] = (struct sockaddr_in){AF_INET, htons(53), {htonl(INADDR_LOOPBACK)}, {0}};
}
static long by_getaddrinfo(void)
{
    struct addrinfo *found;
    ask_us();
    return getaddrinfo(NAME, 0, 0, &found);
}
static long by_getnameinfo(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    memcpy(&name.sin_addr, ADDRESS, sizeof ADDRESS);
    ask_us();
    return getnameinfo((void *)&name, sizeof name, big, 100, 0, 0, 0);
}
static long by_res_query(void)
{
    ask_us();
    return res_query(NAME, C_IN, T_A, (void *)big, 1000);
}
static struct hostent host, *found;
static int error;
static long by_gethostbyname_r(void)
{
    ask_us();
    return gethostbyname_r(NAME, &host, big, 1000, &found, &error);
}
static long by_gethostbyname2_r(void)
{
    ask_us();
    return gethostbyname2_r(NAME, AF_INET6, &host, big, 1000, &found, &error);
}
static long by_gethostbyaddr_r(void)
{
    ask_us();
    return gethostbyaddr_r(ADDRESS, sizeof ADDRESS, AF_INET, &host, big, 1000, &found, &error);
}
static long by_gethostbyname(void)
{
    ask_us();
    return gethostbyname(NAME) != 0;
}
static long by_gethostbyaddr(void)
{
    ask_us();
    return gethostbyaddr(ADDRESS, sizeof ADDRESS, AF_INET) != 0;
}

#define BOTH (ASLEEP | BEFORE)
static const struct call CALLS[] = {
    {"getaddrinfo", by_getaddrinfo, BOTH}, {"getnameinfo", by_getnameinfo, BOTH}, {"res_query", by_res_query, BOTH},
    {"gethostbyname_r", by_gethostbyname_r, BOTH}, {"gethostbyname2_r", by_gethostbyname2_r, BOTH},
    {"gethostbyaddr_r", by_gethostbyaddr_r, BOTH},
    /* glibc forgets to unlock what these two share: they hang when they are called again. */
    {"gethostbyname", by_gethostbyname, ASLEEP}, {"gethostbyaddr", by_gethostbyaddr, ASLEEP},
};

int main(void)
{
    struct sockaddr_in name = {AF_INET, htons(53), {htonl(INADDR_LOOPBACK)}, {0}};
    int server = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(server, (void *)&name, sizeof name)) return 1;
    try_all(CALLS, sizeof CALLS / sizeof *CALLS);
}
