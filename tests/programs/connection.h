/* A TCP connection of the program with itself, over the loopback. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static int near, far, listener;
static struct sockaddr_in at; /* where it listens */

static void connect_both(void)
{
    socklen_t len = sizeof at;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&at, len);
    listen(listener, 8);
    getsockname(listener, (struct sockaddr *)&at, &len);
    near = socket(AF_INET, SOCK_STREAM, 0);
    connect(near, (struct sockaddr *)&at, len);
    far = accept(listener, 0, 0);
}
